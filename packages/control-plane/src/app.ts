/**
 * The control plane as one thing that starts and stops. Sources feed the mesh, the mesh feeds views, views feed proxies;
 * the CA signs for them. Everything is owned by one scope: what fails while starting leaves nothing behind.
 */
import { setMaxListeners } from 'node:events';
import { BlockList, isIPv6 } from 'node:net';
import { type Clock, createScope, type Logger, realClock, type Scope, silentLogger } from '@isthmus/sdk/runtime';
import { certificateService } from '@isthmus/sdk/wire';
import {
  clusterz,
  configDump,
  createExplainer,
  createMetrics,
  listenPages,
  type Metrics,
  networkz,
  scopeRows,
  syncz,
} from './admin/index.js';
import { type Authority, type AuthorityStatus, createAuthority } from './authority.js';
import {
  type Admission,
  createAdmission,
  createAuthenticator,
  createCertificateHandler,
  createServing,
  createTrustService,
  type Refused,
  type TrustService,
} from './ca/index.js';
import { createCallerVerifier } from './callers.js';
import type { Settings } from './config.js';
import { createFederation, type Federation, type PeerStatus } from './federation/index.js';
import { localApiOf } from './members.js';
import { type ClusterStatus, createMesh, type Mesh } from './mesh.js';
import { ROOT_NAMESPACE } from './model/index.js';
import { createWriter, type Leadership, type Writer } from './writer/index.js';
import {
  type ConnectionStatus,
  type Connections,
  createConnections,
  createDiscoveryHandler,
  createViews,
  listenGrpc,
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
  readonly ca: AuthorityStatus;
  readonly sources: readonly ClusterStatus[];
  /** Which replica writes into the API of the cluster, where one is to; `problem` says why this one cannot tell. */
  readonly writer?: Pick<Leadership, 'isLeading' | 'leader' | 'problem'>;
  /** Control planes of other clusters. */
  readonly peers: readonly PeerStatus[];
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
    const parts = await createParts(scope, settings, {
      log: init.log ?? silentLogger,
      clock: init.clock ?? realClock,
    });
    const ports = await listenAll(scope, parts);
    parts.log.info({ cluster: settings.clusterId, ...ports, names: settings.serverNames }, 'control plane listens');
    warnOfExposure(parts);
    return {
      ports,
      ready: parts.mesh.ready,
      status: () => statusOf(parts),
      close: () => scope.close('control plane closes'),
    };
  } catch (error) {
    await scope.close(error);
    throw error;
  }
}

function warnOfExposure({ settings: { monitoring }, log }: Pick<Parts, 'settings' | 'log'>): void {
  if (LOOPBACK.check(monitoring.host, isIPv6(monitoring.host) ? 'ipv6' : 'ipv4')) return;
  const { host } = monitoring;
  log.warn({ host }, 'monitoring.host is no loopback address: whoever reaches it sees all that proxies are told');
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

interface Parts extends Required<ControlPlaneInit> {
  readonly settings: Settings;
  readonly authority: Authority;
  readonly trust: TrustService;
  readonly mesh: Mesh;
  readonly federation: Federation | undefined;
  readonly writer: Writer | undefined;
  readonly views: Views;
  readonly connections: Connections;
  readonly metrics: Metrics;
  readonly admission: Admission;
}

async function createParts(scope: Scope, settings: Settings, own: Required<ControlPlaneInit>): Promise<Parts> {
  const { trustDomain, clusterId } = settings;
  const { log } = own;
  const verifier = await createCallerVerifier(scope, settings, own);
  const authority = await createAuthority(scope, settings, own);
  const views = createViews(clusterId);
  const connections = createConnections();
  // Looked at by who asks for metrics, which is later.
  const metrics = createMetrics({
    connections: () => connections.count,
    sources: () => clusters.mesh.status().map(countProblems),
    ca: () => authority.status(trust.followers()),
    peers: () => clusters.federation?.status() ?? [],
  });
  const clusters = await createClusters(scope, { settings, ...own, authority, views, metrics });
  const admission = createAdmission(createAuthenticator(verifier, trustDomain), (refused) => {
    log.warn(refused, 'call refused: caller not authenticated');
    countRefused(metrics, refused);
  });
  const { signal } = scope;
  const trust = createTrustService({ ...own, feed: authority.feed, callerOf: admission.callerOf, signal });
  const writer = writerOf(scope, { settings, authority, ...own });
  return { ...own, ...clusters, settings, authority, trust, writer, views, connections, metrics, admission };
}

/** Undefined where nothing is to be written. */
function writerOf(
  scope: Scope,
  { settings, authority: { store }, clock, log }: Pick<Parts, 'settings' | 'authority' | 'clock' | 'log'>,
) {
  const local = localApiOf(settings);
  if (!local?.kubernetes.rootConfigMaps) return undefined;
  const writer = createWriter(scope, {
    access: local.access,
    cluster: settings.clusterId,
    namespace: ROOT_NAMESPACE,
    roots: () => store.current.roots,
    clock,
    log,
    quietMs: settings.debounce.quiet,
    maxMs: settings.debounce.max,
  });
  store.onReplaced(writer.touch);
  return writer;
}

type ClustersInit = Pick<Parts, 'settings' | 'log' | 'clock' | 'authority' | 'views' | 'metrics'>;

/** The own objects and other sources, and what peers export; each is told of the other's news. */
async function createClusters(
  scope: Scope,
  { settings, log, clock, authority, views, metrics }: ClustersInit,
): Promise<Pick<Parts, 'mesh' | 'federation'>> {
  const init = { settings, clock, log, onModel: views.publish };
  const { federation: configured } = settings;
  if (!configured) return { mesh: createMesh(scope, init), federation: undefined };
  let imports: Parameters<Mesh['setImports']>[0] = [];
  let mesh: Mesh | undefined;
  const federation = await createFederation(scope, {
    settings: { ...settings, federation: configured },
    store: authority.store,
    clock,
    log,
    bundles: () => authority.feed.current,
    onTrust: (bundles) => authority.feed.setForeign('peers', bundles),
    onImports: (clusters) => {
      imports = clusters;
      mesh?.setImports(clusters);
    },
    observe: metrics.onFederation,
  });
  mesh = createMesh(scope, { ...init, onOwn: federation.publish, gate: federation.firstSync });
  mesh.setImports(imports);
  return { mesh, federation };
}

async function listenAll(scope: Scope, parts: Parts): Promise<ControlPlane['ports']> {
  const { settings, authority, trust, mesh, views, clock, log } = parts;
  const { readiness, monitoring } = settings;
  const { credentials } = await createServing(scope, {
    hosts: settings.serverNames,
    ttlMs: settings.ca.workloadCertTtl,
    store: authority.store,
    clock,
    log,
  });
  const listen = await listenGrpc(scope, {
    ...settings.listen,
    credentials,
    interceptor: parts.admission.interceptor,
    discovery: discoveryOf(parts, scope.signal),
    certificates: certificatesOf(parts),
    trust: trust.handler,
    clock,
  });
  const pages = await listenPages(scope, {
    readiness,
    monitoring,
    notReady: mesh.notReady,
    metrics: parts.metrics.render,
    status: () => statusOf(parts),
    configDump: () => configDump(views),
    syncz: () => syncz(parts.connections.list(), settings.clusterId),
    configz: () => settings,
    clusterz: () => clusterz(mesh.status(), parts.federation?.status() ?? []),
    networkz: () => networkz(views.current('ztunnel')?.view),
    scope: () => scopeRows(views.current('ztunnel')?.view, parts.federation?.scopes() ?? []),
    explain: createExplainer(() => views.current('ztunnel')?.view),
  });
  return { listen, ...pages };
}

function discoveryOf(
  { settings, mesh, views, connections, metrics, admission, clock, log }: Parts,
  signal: AbortSignal,
) {
  return createDiscoveryHandler({
    cluster: settings.clusterId,
    views,
    connections,
    callerOf: admission.callerOf,
    notReady: mesh.notReady,
    signal,
    clock,
    log,
    observe: metrics.onXds,
  });
}

function certificatesOf({ settings, authority, mesh, metrics, admission, log }: Parts) {
  return createCertificateHandler({
    callerOf: admission.callerOf,
    issuer: authority.issuer,
    trustDomain: settings.trustDomain,
    trustedNodeAccounts: settings.ca.trustedNodeAccounts,
    isOnNode: mesh.isOnNode,
    isReady: () => mesh.notReady() === undefined,
    log,
    observe: metrics.onCa,
  });
}

function statusOf({ settings, mesh, federation, authority, trust, writer, connections }: Parts): ControlPlaneStatus {
  return {
    cluster: settings.clusterId,
    trustDomain: settings.trustDomain,
    notReady: mesh.notReady(),
    ca: authority.status(trust.followers()),
    sources: mesh.status(),
    ...(writer && { writer: writer.leadership }),
    peers: federation?.status() ?? [],
    proxies: connections.list(),
  };
}

function countRefused({ onXds, onCa }: Metrics, { path }: Refused): void {
  if (path === certificateService.createCertificate.path) {
    onCa({ kind: 'requested' });
    onCa({ kind: 'unauthenticated' });
  } else onXds({ kind: 'refused', code: 'UNAUTHENTICATED' });
}

function countProblems({ cluster, generation, problems }: ClusterStatus) {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return { cluster, generation, errors, warnings: problems.length - errors };
}
