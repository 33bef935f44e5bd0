/** A real control plane on free ports over real files, and real gRPC clients of it. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { certificateService, type citadelPb, type discoveryPb, discoveryService } from '@isthmus/sdk/wire';
import {
  type ControlPlane,
  generateKey,
  issueToken,
  makeCacerts,
  readSettings,
  startControlPlane,
  writePrivateKey,
} from '../../src/index.js';
import { toYaml } from './derive.js';
import { captureLogs, type LogLine } from './logs.js';
import type { Manifest } from './objects.js';
import { createQueue } from './queue.js';
import { type ReadResponse, readResponse, request } from './xds.js';

export interface TestPlane {
  readonly directory: string;
  readonly plane: ControlPlane;
  readonly rootPem: string;
  readonly logs: readonly LogLine[];
  /** Resolves with the first line, past or future, that matches. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** Replaces a file of a cluster in one step, as editors and `kubectl` do. */
  write(cluster: string, name: string, content: readonly Manifest[] | string): Promise<void>;
  remove(cluster: string, name: string): Promise<void>;
  token(init: TokenInit): Promise<string>;
  close(): Promise<void>;
}

export interface TokenInit {
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly pod?: string;
  readonly node?: string;
  readonly ttlMs?: number;
  readonly key?: ReturnType<typeof generateKey>;
  readonly audience?: string;
}

export interface PlaneInit {
  /** By cluster, by file name; the first is local and on network-1, the next on network-2. */
  readonly clusters: Readonly<Record<string, Readonly<Record<string, readonly Manifest[] | string>>>>;
  /** Of the clusters, in their order, where they are others than network-1, network-2 and so on. */
  readonly networks?: readonly string[];
  /** Entries of `sources`, in place of the directories of the clusters. */
  readonly sources?: readonly string[];
  /** Appended to the configuration. */
  readonly config?: string;
  /** Where the root of the CA is, to share it. */
  readonly root?: string;
  /** Default `cluster.local`. */
  readonly trustDomain?: string;
  /** Further files next to the configuration, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Further settings of `tokens`. */
  readonly tokens?: string;
  readonly waitUntilReady?: boolean;
}

export async function startPlane({
  clusters,
  networks = [],
  config = '',
  sources,
  root,
  trustDomain = 'cluster.local',
  files: further = {},
  tokens = '',
  waitUntilReady = true,
}: PlaneInit): Promise<TestPlane> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-cp-'));
  const ids = Object.keys(clusters);
  const local = ids[0]!;
  const write = async (cluster: string, name: string, content: readonly Manifest[] | string) => {
    const file = join(directory, cluster, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.partial`, typeof content === 'string' ? content : toYaml(content));
    await rename(`${file}.partial`, file);
  };
  for (const [cluster, files] of Object.entries(clusters)) {
    await mkdir(join(directory, cluster), { recursive: true });
    for (const [name, content] of Object.entries(files)) await write(cluster, name, content);
  }
  for (const [name, content] of Object.entries(further)) await writeFile(join(directory, name), content);
  await makeCacerts({
    out: join(directory, 'ca'),
    root: root ?? join(directory, 'root'),
    cluster: local,
    trustDomain,
    now: Date.now(),
  });
  const key = generateKey();
  await writePrivateKey(join(directory, 'token-key.pem'), key);
  const directories = ids.map(
    (id, index) => `- {cluster: ${id}, network: ${networks[index] ?? `network-${index + 1}`}, directory: ${id}}`,
  );
  const text = [
    `clusterId: ${local}`,
    `trustDomain: ${trustDomain}`,
    'sources:',
    ...(sources ?? directories),
    'ca: {directory: ca}',
    `tokens: {keyFile: token-key.pem, ${tokens}}`,
    'listen: {port: 0}',
    'readiness: {port: 0}',
    'monitoring: {port: 0}',
    // Short, so that tests wait on events and not on time.
    'debounce: {quiet: 5ms, max: 50ms}',
    config,
  ].join('\n');
  // Where commands find it.
  await writeFile(join(directory, 'config.yaml'), text);
  const read = readSettings(join(directory, 'config.yaml'), text);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const { logs, log, logged } = captureLogs();
  const plane = await startControlPlane(read.settings, { log });
  if (waitUntilReady) await plane.ready;

  return {
    directory,
    plane,
    rootPem: await readFile(join(directory, 'ca', 'root-cert.pem'), 'utf8'),
    logs,
    logged,
    write,
    remove: (cluster, name) => rm(join(directory, cluster, name)),
    token: ({
      namespace = 'istio-system',
      serviceAccount = 'ztunnel',
      // Longer than any test may take.
      ttlMs = 600_000,
      audience = 'istio-ca',
      ...rest
    }) =>
      issueToken({
        key,
        issuer: 'isthmus-control-plane',
        audience,
        namespace,
        serviceAccount,
        now: Date.now(),
        ttlMs,
        ...rest,
      }),
    async close() {
      await plane.close();
      await rm(directory, { recursive: true });
    },
  };
}

export interface Credentials {
  readonly token?: string;
  /** PEM; a client certificate. */
  readonly certificate?: { readonly key: string; readonly chain: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the plane's own. */
  readonly rootPem?: string;
}

function connect({ plane, rootPem }: TestPlane, init: Credentials): { client: Client; metadata: Metadata } {
  const { certificate } = init;
  const channel = credentials.createSsl(
    Buffer.from(init.rootPem ?? rootPem),
    certificate ? Buffer.from(certificate.key) : null,
    certificate ? Buffer.from(certificate.chain) : null,
  );
  const metadata = new Metadata();
  if (init.token !== undefined) metadata.set('authorization', `Bearer ${init.token}`);
  for (const [name, value] of Object.entries(init.headers ?? {})) metadata.set(name, value);
  return { client: new Client(`localhost:${plane.ports.listen}`, channel), metadata };
}

export interface XdsClient {
  send(message: discoveryPb.DeltaDiscoveryRequest): void;
  next(): Promise<ReadResponse>;
  /** Answers the next response and returns it. */
  accept(): Promise<ReadResponse>;
  readonly ended: Promise<StatusObject>;
  close(): Promise<void>;
}

export function openStream(test: TestPlane, init: Credentials): XdsClient {
  const { client, metadata } = connect(test, init);
  const { path, requestSerialize, responseDeserialize } = discoveryService.deltaAggregatedResources;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const responses = createQueue<ReadResponse>();
  const ended = new Promise<StatusObject>((resolve) => call.on('status', resolve));
  call.on('data', (message: discoveryPb.DeltaDiscoveryResponse) => responses.push(readResponse(message)));
  call.on('error', (error: ServiceError) => responses.fail(error));
  call.on('end', () => responses.fail(new Error('the stream ended')));
  const next = () => responses.next();
  return {
    send: (message) => call.write(message),
    next,
    async accept() {
      const response = await next();
      call.write(request(response.message.typeUrl, { responseNonce: response.nonce }));
      return response;
    },
    ended,
    async close() {
      call.cancel();
      await ended;
      client.close();
    },
  };
}

export function proxyNode(type = 'ztunnel', namespace = 'istio-system', metadata: Record<string, string> = {}) {
  return { id: `${type}~10.1.0.100~${type}-1.${namespace}~${namespace}.svc.cluster.local`, metadata };
}

export interface CertificateRequest extends Credentials {
  readonly csr: string;
  readonly impersonate?: string;
  readonly ttlSeconds?: number;
}

/** Rejects with the ServiceError of the answer. */
export function requestCertificate(test: TestPlane, init: CertificateRequest): Promise<readonly string[]> {
  const { client, metadata } = connect(test, init);
  const { path, requestSerialize, responseDeserialize } = certificateService.createCertificate;
  const message = {
    $typeName: 'istio.v1.auth.IstioCertificateRequest',
    csr: init.csr,
    validityDuration: BigInt(init.ttlSeconds ?? 3600),
    ...(init.impersonate === undefined ? {} : { metadata: { ImpersonatedIdentity: init.impersonate } }),
  } as citadelPb.IstioCertificateRequest;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, metadata, (error, response) => {
      client.close();
      if (error) reject(error);
      else resolve((response as citadelPb.IstioCertificateResponse).certChain);
    });
  });
}
