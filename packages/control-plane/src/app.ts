/**
 * The control plane as one thing that starts and stops. Sources feed the mesh, the mesh feeds views, views feed proxies; the
 * CA signs for them. Everything is owned by one scope: what fails while starting leaves nothing behind.
 */
import { setMaxListeners } from 'node:events';
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import { type Clock, createScope, type Logger, realClock, type Scope, silentLogger } from '@isthmus/sdk/runtime';
import { certificateService, discoveryService } from '@isthmus/sdk/wire';
import { configDump, createMetrics, jsonPage, listenHttp, type Metrics, textPage } from './admin/index.js';
import {
  type Admission,
  type CaStore,
  createAdmission,
  createAuthenticator,
  createCaStore,
  createCertificateHandler,
  createIssuer,
  createServing,
  createTokenVerifier,
  type Refused,
  readVerifyKey,
} from './ca/index.js';
import type { Settings } from './config.js';
import { type ClusterStatus, createMesh, type Mesh } from './mesh.js';
import {
  type ConnectionStatus,
  type Connections,
  createConnections,
  createDiscoveryHandler,
  createViews,
  type Views,
} from './xds/index.js';

export interface ControlPlaneInit {
  readonly log?: Logger;
  readonly clock?: Clock;
}

export interface ControlPlaneStatus {
  readonly cluster: string;
  readonly trustDomain: string;
  /** Undefined when ready. */
  readonly notReady: string | undefined;
  readonly ca: { readonly subject: string; readonly notAfter: Date; readonly problem: string | undefined };
  readonly sources: readonly ClusterStatus[];
  readonly proxies: readonly ConnectionStatus[];
}

export interface ControlPlane {
  /** The ports that are listened on. */
  readonly ports: { readonly listen: number; readonly readiness: number; readonly monitoring: number };
  /** Resolves when proxies are served: every source was read, and the local one is good. */
  readonly ready: Promise<void>;
  status(): ControlPlaneStatus;
  /** Ends all streams, finishes requests that run, and stops listening. Idempotent. */
  close(): Promise<void>;
}

/** Rejects, with everything released, when the CA or the token key cannot be used or a port cannot be had. */
export async function startControlPlane(settings: Settings, init: ControlPlaneInit = {}): Promise<ControlPlane> {
  const scope = createScope();
  // One listener per stream; their number is bounded where streams are admitted.
  setMaxListeners(0, scope.signal);
  try {
    return await start(scope, settings, { log: init.log ?? silentLogger, clock: init.clock ?? realClock });
  } catch (error) {
    await scope.close(error);
    throw error;
  }
}

async function start(
  scope: Scope,
  settings: Settings,
  { log, clock }: Required<ControlPlaneInit>,
): Promise<ControlPlane> {
  const { trustDomain, tokens, clusterId, debounce } = settings;
  const now = () => clock.now();
  const verifier = createTokenVerifier({ ...tokens, key: await readVerifyKey(tokens.keyFile), now });
  let onReplaced = () => {};
  const store = await createCaStore(scope, {
    directory: settings.ca.directory,
    clock,
    log,
    quietMs: debounce.quiet,
    maxMs: debounce.max,
    onReplaced: () => onReplaced(),
  });
  const material = () => store.current;
  const serving = await createServing(scope, {
    hosts: settings.serverNames,
    ttlMs: settings.ca.workloadCertTtl,
    material,
    clock,
    log,
  });
  onReplaced = () =>
    void serving
      .renew()
      .catch((error: unknown) => log.error({ err: error }, 'serving certificate could not be renewed'));

  const views = createViews(clusterId);
  const mesh = createMesh(scope, { settings, clock, log, onModel: views.publish });
  const connections = createConnections();
  const status = (): ControlPlaneStatus => ({
    cluster: clusterId,
    trustDomain,
    notReady: mesh.notReady(),
    ca: {
      subject: store.current.certificate.subject,
      notAfter: store.current.certificate.notAfter,
      problem: store.problem,
    },
    sources: mesh.status(),
    proxies: connections.list(),
  });
  const metrics = createMetrics({
    connections: () => connections.count,
    sources: () => mesh.status().map(countProblems),
    caNotAfter: () => store.current.certificate.notAfter,
  });
  const onRefused = ({ path, peer, reason }: Refused) => {
    log.warn({ path, peer, reason }, 'call refused: caller not authenticated');
    if (path !== certificateService.createCertificate.path)
      return metrics.onXds({ kind: 'refused', code: 'UNAUTHENTICATED' });
    metrics.onCa({ kind: 'requested' });
    metrics.onCa({ kind: 'unauthenticated' });
  };
  const admission = createAdmission(createAuthenticator(verifier, trustDomain), onRefused);
  const server = createGrpcServer(scope, {
    settings,
    store,
    mesh,
    views,
    connections,
    admission,
    metrics,
    clock,
    log,
  });
  const listen = await bind(server, settings.listen, serving.credentials);
  const { readiness, monitoring } = await listenForPeople(scope, settings, { mesh, views, metrics, status });
  log.info({ cluster: clusterId, listen, readiness, monitoring, names: settings.serverNames }, 'control plane listens');
  return {
    ports: { listen, readiness, monitoring },
    ready: mesh.ready,
    status,
    close: () => scope.close('control plane closes'),
  };
}

interface GrpcParts {
  readonly settings: Settings;
  readonly store: CaStore;
  readonly mesh: Mesh;
  readonly views: Views;
  readonly connections: Connections;
  readonly admission: Admission;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
}

const GRPC_OPTIONS = {
  // istiod's pings; a peer that is gone is noticed within 40 s.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // A reconnecting proxy names everything it holds in one request; at istiod's 4 MiB that ends near 40 000 resources.
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
  'grpc.max_concurrent_streams': 100,
  // Connections without a call: certificate requests are minutes or hours apart and open their own.
  'grpc.max_connection_idle_ms': 60_000,
  'grpc.enable_channelz': 0,
} as const;
/** For requests that run when it closes. */
const SHUTDOWN_GRACE_MS = 5_000;

function createGrpcServer(scope: Scope, parts: GrpcParts): Server {
  const { settings, store, mesh, admission, metrics, clock, log } = parts;
  const server = new Server({ ...GRPC_OPTIONS, interceptors: [admission.interceptor] });
  scope.own(() => shutdown(server, clock));
  server.addService(discoveryService, {
    deltaAggregatedResources: createDiscoveryHandler({
      cluster: settings.clusterId,
      views: parts.views,
      connections: parts.connections,
      callerOf: admission.callerOf,
      notReady: mesh.notReady,
      signal: scope.signal,
      clock,
      log,
      observe: metrics.onXds,
    }),
  });
  const { workloadCertTtl: defaultTtlMs, maxWorkloadCertTtl: maxTtlMs, trustedNodeAccounts } = settings.ca;
  server.addService(certificateService, {
    createCertificate: createCertificateHandler({
      callerOf: admission.callerOf,
      issuer: createIssuer({ material: () => store.current, now: () => clock.now(), defaultTtlMs, maxTtlMs }),
      trustDomain: settings.trustDomain,
      trustedNodeAccounts,
      isOnNode: mesh.isOnNode,
      isReady: () => mesh.notReady() === undefined,
      log,
      observe: metrics.onCa,
    }),
  });
  return server;
}

function bind(server: Server, { host, port }: Settings['listen'], credentials: ServerCredentials): Promise<number> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
}

function shutdown(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const disarm = clock.schedule(SHUTDOWN_GRACE_MS, () => server.forceShutdown());
    server.tryShutdown(() => {
      disarm();
      resolve();
    });
  });
}

interface PeopleParts {
  readonly mesh: Mesh;
  readonly views: Views;
  readonly metrics: Metrics;
  readonly status: () => ControlPlaneStatus;
}

async function listenForPeople(scope: Scope, settings: Settings, { mesh, views, metrics, status }: PeopleParts) {
  const ready = () => {
    const reason = mesh.notReady();
    return reason === undefined ? textPage('ready') : textPage(reason, 503);
  };
  const readiness = await listenHttp(scope, settings.readiness, { '/healthz/ready': ready });
  const monitoring = await listenHttp(scope, settings.monitoring, {
    '/healthz/ready': ready,
    '/metrics': async () => ({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: await metrics.render(),
    }),
    '/debug/status': () => jsonPage(status()),
    '/debug/config_dump': () => jsonPage(configDump(views)),
  });
  return { readiness, monitoring };
}

function countProblems({ cluster, generation, problems }: ClusterStatus) {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return { cluster, generation, errors, warnings: problems.length - errors };
}
