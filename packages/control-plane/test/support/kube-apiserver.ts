/**
 * A real kube-apiserver over a real etcd on loopback, where `KUBE_APISERVER` and `ETCD` name their binaries. It
 * authorizes by RBAC: one account may do everything, the other is the control plane's and may do what is granted to it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause, realClock } from '@isthmus/sdk/runtime';
import { kubeconfigOf } from './api-server.js';
import type { Manifest } from './objects.js';

export interface KubeApiserver {
  /** Of the control plane's service account. */
  readonly kubeconfig: string;
  /** As the account that may do everything. Rejects unless the answer is 2xx. */
  send(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: Manifest): Promise<Manifest>;
  close(): Promise<void>;
}

const ADMIN_TOKEN = 'token-of-the-administrator';
const PLANE_TOKEN = 'token-of-the-control-plane';
const PLANE_ACCOUNT = 'system:serviceaccount:istio-system:isthmus-control-plane';
const START_MS = 60_000;

export async function startKubeApiserver(binaries: {
  readonly apiserver: string;
  readonly etcd: string;
}): Promise<KubeApiserver> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-apiserver-'));
  const [clients, peers, port] = [await freePort(), await freePort(), await freePort()];
  const etcdUrl = `http://127.0.0.1:${clients}`;
  const tokens = `${ADMIN_TOKEN},admin,1,"system:masters"\n${PLANE_TOKEN},${PLANE_ACCOUNT},2\n`;
  await writeFile(join(directory, 'tokens.csv'), tokens);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(directory, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
  const etcd = spawn(
    binaries.etcd,
    [
      `--data-dir=${join(directory, 'etcd')}`,
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=http://127.0.0.1:${peers}`,
    ],
    { stdio: 'ignore' },
  );
  const apiserver = spawn(
    binaries.apiserver,
    [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${directory}`,
      `--token-auth-file=${join(directory, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(directory, 'sa.key')}`,
      `--service-account-signing-key-file=${join(directory, 'sa.key')}`,
      // No controller makes the default service account that Pods would need.
      '--disable-admission-plugins=ServiceAccount',
    ],
    { stdio: 'ignore' },
  );
  const url = `https://127.0.0.1:${port}`;

  async function close(): Promise<void> {
    await stop(apiserver);
    await stop(etcd);
    await rm(directory, { recursive: true, force: true });
  }

  try {
    // The server makes its own certificate; until it is ready there is none, or nobody who answers.
    const ca = await retry(() => readFile(join(directory, 'apiserver.crt'), 'utf8'));
    const send: KubeApiserver['send'] = (method, path, body) => call(`${url}${path}`, { ca, method, body });
    await retry(() => call(`${url}/readyz?verbose=0`, { ca, method: 'GET', isText: true }));
    return { kubeconfig: kubeconfigOf(url, ca, PLANE_TOKEN), send, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Call {
  readonly ca: string;
  readonly method: string;
  readonly body?: Manifest | undefined;
  readonly isText?: boolean;
}

function call(url: string, { ca, method, body, isText = false }: Call): Promise<Manifest> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
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

async function retry<T>(attempt: () => Promise<T>): Promise<T> {
  const endMs = Date.now() + START_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
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

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exited;
}
