/**
 * A real kube-apiserver over a real etcd on loopback, where `KUBE_APISERVER` and `ETCD` name their binaries. It
 * authorizes by RBAC, signs tokens of service accounts and writes down who asked for what (its audit log). It can be
 * stopped and started again on its port, and its history can be compacted away meanwhile.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause, realClock } from '@isthmus/sdk/runtime';
import { SignJWT } from 'jose';
import { kubeconfigOf } from './api-server.js';
import type { Manifest } from './objects.js';

/** Where the two run: on this machine's own loopback, or on that of a network namespace. */
export interface Place {
  spawn(program: string, flags: readonly string[]): ChildProcess;
  /** A port here that leads to that one there. */
  reach(port: number): Promise<number>;
  /** More of the API server's own. */
  readonly flags: readonly string[];
}

export interface KubeApiserver {
  /** As it is reached from here. */
  readonly url: string;
  readonly caPem: string;
  /** Of whoever has the token, for programs in the same place. */
  kubeconfig(token: string): string;
  /** As the account that may do everything. Rejects unless the answer is 2xx. */
  send(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: Manifest): Promise<Manifest>;
  /** Server-side, as `kubectl apply --server-side --validate=strict`; the status too, where it has one. */
  apply(object: Manifest): Promise<Manifest>;
  remove(object: Manifest): Promise<void>;
  /** By TokenRequest. */
  token(account: string, init?: { readonly audience?: string; readonly pod?: Manifest }): Promise<string>;
  /** Signed by the key of the API server, and expired. */
  expiredToken(account: string): Promise<string>;
  /** What was asked for by a service account: `list pods`, `get leases/name`. */
  askedBy(account: string): Promise<ReadonlySet<string>>;
  /** Stops the server; runs `meanwhile` with another one on another port over the same etcd; compacts; starts it again. */
  restart(meanwhile: (other: Pick<KubeApiserver, 'apply' | 'remove'>) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

const { KUBE_APISERVER = '', ETCD = '' } = process.env;

/** Undefined: both binaries are named. */
export const missingBinaries =
  KUBE_APISERVER !== '' && ETCD !== '' ? undefined : 'KUBE_APISERVER and ETCD name no binaries';

const ADMIN_TOKEN = 'token-of-the-administrator';
const ISSUER = 'https://kubernetes.default.svc';
const START_MS = 120_000;

const HERE: Place = {
  spawn: (program, flags) => spawn(program, flags, { stdio: 'ignore' }),
  reach: async (port) => port,
  flags: [],
};

export async function startKubeApiserver(place: Place = HERE): Promise<KubeApiserver> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-apiserver-'));
  const [clients, peers, port] = [await freePort(), await freePort(), await freePort()];
  const etcdUrl = `http://127.0.0.1:${clients}`;
  const key = await writeFiles(directory);
  const etcd = startEtcd(place, directory, etcdUrl, peers);
  const serve = (onPort: number) => startServer(place, directory, etcdUrl, onPort);
  const urlOf = async (ofPort: number) => `https://127.0.0.1:${await place.reach(ofPort)}`;
  let server = serve(port);

  async function close(): Promise<void> {
    await stop(server);
    await stop(etcd);
    await rm(directory, { recursive: true, force: true });
  }

  try {
    const url = await urlOf(port);
    // The server makes its own certificate: until it is ready there is none, half of one, or nobody who answers.
    const caPem = await retry(server, async () => {
      const ca = await readFile(join(directory, 'apiserver.crt'), 'utf8');
      await askReady(url, ca);
      return ca;
    });
    const admin = adminOf(url, caPem);
    return {
      url,
      caPem,
      kubeconfig: (token) => kubeconfigOf(`https://127.0.0.1:${port}`, caPem, token),
      ...admin,
      async token(account, { audience, pod } = {}) {
        const [namespace, name] = account.split('/');
        const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
        const spec = { ...(audience && { audiences: [audience] }), ...(pod && { boundObjectRef: referenceTo(pod) }) };
        const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
        return ((await admin.send('POST', path, body)).status as { token: string }).token;
      },
      expiredToken: (account) => signExpired(key, account),
      askedBy: async (account) => readAudit(await readFile(join(directory, 'audit.log'), 'utf8'), account),
      async restart(meanwhile) {
        await stop(server);
        const otherPort = await freePort();
        const other = serve(otherPort);
        const otherUrl = await urlOf(otherPort);
        await isReady(other, otherUrl, caPem);
        await meanwhile(adminOf(otherUrl, caPem));
        await stop(other);
        await compact(etcdUrl);
        server = serve(port);
        await isReady(server, url, caPem);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function writeFiles(directory: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived', 'Panic'],
    rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
  };
  await writeFile(join(directory, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
  await writeFile(join(directory, 'tokens.csv'), `${ADMIN_TOKEN},admin,1,"system:masters"\n`);
  await writeFile(join(directory, 'audit.yaml'), JSON.stringify(policy));
  await writeFile(join(directory, 'audit.log'), '');
  return privateKey;
}

function startEtcd(place: Place, directory: string, url: string, peers: number): ChildProcess {
  const flags = [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=http://127.0.0.1:${peers}`,
  ];
  return place.spawn(ETCD, flags);
}

function startServer(place: Place, directory: string, etcdUrl: string, port: number): ChildProcess {
  const flags = [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${directory}`,
    `--token-auth-file=${join(directory, 'tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.96.0.0/16',
    `--service-account-issuer=${ISSUER}`,
    `--service-account-key-file=${join(directory, 'sa.key')}`,
    `--service-account-signing-key-file=${join(directory, 'sa.key')}`,
    `--audit-policy-file=${join(directory, 'audit.yaml')}`,
    `--audit-log-path=${join(directory, 'audit.log')}`,
    // No controller makes the default service account that Pods would need.
    '--disable-admission-plugins=ServiceAccount',
    ...place.flags,
  ];
  return place.spawn(KUBE_APISERVER, flags);
}

async function isReady(server: ChildProcess, url: string, ca: string): Promise<void> {
  await retry(server, () => askReady(url, ca));
}

async function askReady(url: string, ca: string): Promise<void> {
  await call(`${url}/readyz`, { ca, method: 'GET', isText: true });
}

function adminOf(url: string, ca: string): Pick<KubeApiserver, 'send' | 'apply' | 'remove'> {
  const send: KubeApiserver['send'] = (method, path, body) => call(`${url}${path}`, { ca, method, body });
  const query = 'fieldManager=test&force=true&fieldValidation=Strict';
  return {
    send,
    async apply(object) {
      const type = 'application/apply-patch+yaml';
      const path = `${url}${pathOf(object)}`;
      const applied = await call(`${path}?${query}`, { ca, method: 'PATCH', body: object, type });
      return object.status ? call(`${path}/status?${query}`, { ca, method: 'PATCH', body: object, type }) : applied;
    },
    async remove(object) {
      await send('DELETE', `${pathOf(object)}?gracePeriodSeconds=0`);
    },
  };
}

/** `/apis/apps/v1/namespaces/shop/deployments/web`. */
function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const { namespace, name } = metadata as { readonly namespace?: string; readonly name: string };
  const plural = `${String(kind).toLowerCase()}s`.replace(/ys$/, 'ies').replace('gatewaies', 'gateways');
  const root = apiVersion === 'v1' ? '/api/v1' : `/apis/${String(apiVersion)}`;
  return `${root}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}/${name}`;
}

function referenceTo({ apiVersion, kind, metadata }: Manifest): Manifest {
  const { name, uid } = metadata as { readonly name: string; readonly uid: string };
  return { apiVersion, kind, name, uid };
}

function signExpired(key: KeyObject, account: string): Promise<string> {
  const [namespace, name] = account.split('/');
  return new SignJWT({ 'kubernetes.io': { namespace, serviceaccount: { name } } })
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(ISSUER)
    .setSubject(`system:serviceaccount:${namespace}:${name}`)
    .setAudience(ISSUER)
    .setIssuedAt('2 hours ago')
    .setExpirationTime('1 hour ago')
    .sign(key);
}

function readAudit(text: string, account: string): ReadonlySet<string> {
  const username = `system:serviceaccount:${account.replace('/', ':')}`;
  const asked = text.split('\n').flatMap((line) => {
    if (line === '') return [];
    const { user, verb, objectRef } = JSON.parse(line) as {
      readonly user: { readonly username: string };
      readonly verb: string;
      readonly objectRef?: { readonly resource?: string; readonly apiGroup?: string; readonly name?: string };
    };
    if (user.username !== username || !objectRef?.resource) return [];
    const { resource, apiGroup = '', name } = objectRef;
    // The name of what is created is in the body, and no role can grant it by that.
    const suffix = name === undefined || verb === 'create' ? '' : `/${name}`;
    return [`${verb} ${resource}.${apiGroup}${suffix}`];
  });
  return new Set(asked);
}

async function compact(etcdUrl: string): Promise<void> {
  // Its JSON gateway; the key is any.
  const { header } = await callEtcd(`${etcdUrl}/v3/kv/range`, { key: 'AA==' });
  await callEtcd(`${etcdUrl}/v3/kv/compaction`, { revision: (header as Manifest).revision, physical: true });
}

function callEtcd(url: string, body: Manifest): Promise<Manifest> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method: 'POST', agent: false }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString('utf8');
      if (response.statusCode === 200) resolve(JSON.parse(text) as Manifest);
      else reject(new Error(`POST ${url}: ${text}`));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

interface Call {
  readonly ca: string;
  readonly method: string;
  readonly body?: Manifest | undefined;
  readonly type?: string;
  readonly isText?: boolean;
}

function call(url: string, { ca, method, body, type = 'application/json', isText = false }: Call): Promise<Manifest> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': type };
    const sent = request(url, { ca, method, headers, agent: false }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString('utf8');
      if (response.statusCode === undefined || response.statusCode >= 300)
        reject(new Error(`${method} ${url}: ${text}`));
      else resolve(isText ? {} : (JSON.parse(text) as Manifest));
    });
    sent.on('error', reject);
    sent.end(body && JSON.stringify(body));
  });
}

async function retry<T>(server: ChildProcess, attempt: () => Promise<T>): Promise<T> {
  const endMs = Date.now() + START_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (server.exitCode !== null) throw new Error(`kube-apiserver ended with exit code ${server.exitCode}`);
      if (Date.now() > endMs) throw error;
      await pause(realClock, 200);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** At once: its own way waits a minute for watches to end. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}
