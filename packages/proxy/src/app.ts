/**
 * The composition root: settings in, a running proxy out. Order of start: telemetry and its pages, control plane, first
 * sync, the role's listeners, ready. Everything is owned by one scope; nothing here decides about traffic. While the
 * control plane is away the proxy goes on with the last configuration and its certificates.
 */
import type { Writable } from 'node:stream';
import { createStore, proxyNode } from '@isthmus/sdk/discovery';
import { type CertificateManager, createCaClient, createCertificateManager } from '@isthmus/sdk/identity';
import { type Clock, createDrain, type Drain, type Logger, pause, realClock, type Scope } from '@isthmus/sdk/runtime';
import { formatSpiffeId } from '@isthmus/sdk/wire';
import { type AdminSources, adminRoutes, loopbackOnly } from './admin/admin.js';
import { ownDiagnostics } from './admin/diagnostics.js';
import { dumpConnections } from './admin/dump-connections.js';
import { serveHttp } from './admin/http.js';
import { metricsRoutes } from './admin/metrics.js';
import { createReadiness, type Readiness, readinessRoutes } from './admin/readiness.js';
import { caAccess } from './config/control-plane.js';
import { effectiveSettings, type Settings } from './config.js';
import { createRoleContext } from './roles/context.js';
import { createDiscovery, type Discovery } from './roles/discovery.js';
import { keepCertificates } from './roles/keep-certificates.js';
import type { Role, RoleContext, RunningRole } from './roles/role.js';
import { createSnapshotFeed, type SnapshotFeed } from './roles/snapshot-feed.js';
import { aboutOf } from './telemetry/about.js';
import { accessLevels } from './telemetry/access-log.js';
import { type ComponentLog, createComponentLog } from './telemetry/component-log.js';
import { createTelemetry, type TelemetrySystem } from './telemetry/index.js';
import { createLineWriter, type LineWriter } from './telemetry/log-lines.js';
import { createMergedMetrics, type MergedMetrics } from './telemetry/merged.js';
import { every } from './telemetry/periodic.js';
import { createProcessMetrics } from './telemetry/process-metrics.js';
import { type CredentialKeeper, createCredentialKeeper } from './workers/credentials.js';
import { createWorkerGroup, type WorkerGroup } from './workers/group.js';
import { type FollowedStore, followed } from './workers/state.js';

export interface AppInit {
  readonly settings: Settings;
  readonly role: Role;
  readonly version: string;
  readonly stdout: Writable;
  /** What POST /quitquitquit does. */
  quit(): void;
  /** What worker processes run: the path of the program. Needed where the settings ask for more than one. */
  readonly program?: string;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface App {
  readonly log: Logger;
  /** Ends the role's traffic in an orderly way; the scope is to be closed afterwards. */
  readonly drain: Drain;
  /** Resolves when the proxy serves; rejects when it cannot, or when the scope closes before. */
  readonly ready: Promise<void>;
  /** As bound. */
  readonly ports: { readonly admin: number; readonly metrics: number; readonly readiness: number };
  /** Hands pending log lines to standard output. */
  flush(): void;
}

/** The parts that live as long as the process. */
interface Parts {
  readonly init: Init;
  readonly lines: LineWriter;
  readonly componentLog: ComponentLog;
  readonly telemetry: TelemetrySystem;
  readonly readiness: Readiness;
  readonly drain: Drain;
  readonly store: FollowedStore;
  readonly credentials: CredentialKeeper;
  readonly feed: SnapshotFeed;
  readonly certificates: CertificateManager;
  readonly discovery: Discovery;
  readonly merged: MergedMetrics;
  readonly running: {
    role: RunningRole | undefined;
    group: WorkerGroup | undefined;
    gateways: RoleContext['gateways'] | undefined;
  };
}

type Init = Required<Omit<AppInit, 'program'>> & Pick<AppInit, 'program'>;

/** Resolves when the pages are up; `ready` tells the rest. Rejects with the setting to change when one cannot be bound. */
export async function startApp(scope: Scope, given: AppInit): Promise<App> {
  const init = { clock: realClock, random: Math.random, ...given };
  const parts = assemble(scope, init);
  const { componentLog, drain, lines } = parts;
  const releaseReady = parts.readiness.hold('first sync');
  const ports = await servePages(scope, parts);
  const ready = serve(scope, parts, releaseReady);
  // Whoever started us waits for it or closes the scope; between the two it must not count as unhandled.
  ready.catch(() => {});
  return { log: componentLog.log, drain, ready, ports, flush: lines.flush };
}

function assemble(scope: Scope, init: Init): Parts {
  const { settings, clock } = init;
  const lines = createLineWriter(init.stdout);
  scope.own(lines.flush);
  const componentLog = createComponentLog(settings.logLevel, settings.logFormat, lines);
  const { log } = componentLog;
  for (const notice of settings.notices) log.info({ scope: 'settings' }, notice);
  const telemetry = createTelemetry({
    clock,
    maxSeries: settings.metricsMaxSeries,
    idleMs: settings.metricsIdleMs,
    accessLog: { format: settings.logFormat, lines, enabled: accessLevels(log) },
    about: aboutOf(settings),
  });
  const readiness = createReadiness();
  const running: Parts['running'] = { role: undefined, group: undefined, gateways: undefined };
  const openConnections = () => running.role?.openConnections() ?? 0;
  const drain = createDrain({ clock, deadlineMs: settings.terminationDeadlineMs, openConnections });
  drain.signal.addEventListener('abort', () => void readiness.hold('draining'), { once: true });
  every(scope, clock, settings.accessLogIntervalMs, telemetry.logOpen);
  const store = followed(createStore());
  const credentials = createCredentialKeeper();
  const feed = createSnapshotFeed(store, log.child({ scope: 'snapshot' }));
  const certificates = createCertificateManager(scope, {
    ca: createCaClient({
      ...caAccess(settings),
      asks: settings.mode === 'shared' ? 'impersonate' : 'own',
      ttlSeconds: Math.round(settings.secretTtlMs / 1_000),
    }),
    gracePeriodRatio: settings.secretGracePeriodRatio,
    clock,
    log: log.child({ scope: 'identity' }),
    random: init.random,
    // A process that does everything itself has no use for keys outside of their TLS contexts.
    ...(settings.workers > 1 && { onIssued: credentials.issued }),
  });
  const discovery = createDiscovery(scope, settings, {
    node: nodeOf(init),
    store,
    onSnapshot: feed.changed,
    observer: { received: telemetry.xds.message, terminated: telemetry.xds.terminated },
    clock,
    log: log.child({ scope: 'xds' }),
    random: init.random,
  });
  return {
    init,
    lines,
    componentLog,
    telemetry,
    merged: createMergedMetrics({ clock, maxSeries: settings.metricsMaxSeries, idleMs: settings.metricsIdleMs }),
    readiness,
    drain,
    store,
    credentials,
    feed,
    certificates,
    discovery,
    running,
  };
}

/** From the first sync to serving. */
async function serve(scope: Scope, parts: Parts, releaseReady: () => void): Promise<void> {
  const { init, feed, running, discovery, readiness, componentLog } = parts;
  const { settings, role } = init;
  const releaseCertificate = settings.mode === 'dedicated' ? readiness.hold('certificate') : () => {};
  await discovery.ready;
  const started =
    settings.workers > 1 ? await startGroup(scope, parts) : await role.start(scope, contextOf(scope, parts));
  running.role = started;
  const keep = keepCertificates(kept(parts));
  feed.onSnapshot(scope, () => keep(started.localWorkloads()));
  keep(started.localWorkloads());
  releaseReady();
  const locals = started.localWorkloads().map(({ uid }) => uid);
  componentLog.log.info({ scope: role.name, locals: locals.length }, 'serving');
  if (settings.mode === 'dedicated') await ownCertificate(scope, parts);
  releaseCertificate();
}

/** The role runs in worker processes; this one is their head. */
async function startGroup(scope: Scope, parts: Parts): Promise<RunningRole> {
  const { init, store, certificates, credentials, telemetry, merged, readiness, drain, componentLog, running } = parts;
  const { settings, clock, random, program } = init;
  if (program === undefined) throw new Error('worker processes need the path of the program');
  const { log } = componentLog;
  running.group = createWorkerGroup(scope, {
    settings,
    program,
    store,
    certificates,
    credentials,
    counters: telemetry.workers,
    merged,
    clock,
    random,
    drain: drain.signal,
    log: log.child({ scope: 'workers' }),
    holdReadiness: () => readiness.hold('workers'),
    logLevels: componentLog.levels,
  });
  await running.group.started;
  return running.group;
}

/** Keys are dropped with the certificates they belong to. */
function kept({ certificates, credentials }: Parts): Parameters<typeof keepCertificates>[0] {
  return {
    certificate: (identity) => certificates.certificate(identity),
    forget(identity) {
      certificates.forget(identity);
      credentials.forget(identity);
    },
  };
}

/** Without its certificate a dedicated proxy can serve nobody; the manager tries again by itself, here one only waits. */
async function ownCertificate(scope: Scope, { init, certificates }: Parts): Promise<void> {
  const { workload, trustDomain } = init.settings;
  if (!workload) return;
  const identity = formatSpiffeId({ trustDomain, ...workload });
  while (!scope.signal.aborted) {
    const held = await certificates.certificate(identity).catch(() => undefined);
    if (held) return;
    await pause(init.clock, 1_000, scope.signal);
  }
}

function contextOf(scope: Scope, parts: Parts): RoleContext {
  const { init, componentLog, telemetry, feed, certificates, drain, running, discovery } = parts;
  const { settings, clock, random, role } = init;
  const context = createRoleContext(scope, {
    settings,
    role,
    clock,
    random,
    certificates,
    feed,
    log: componentLog.log,
    telemetry: telemetry.telemetry,
    drain: drain.signal,
    ...(discovery.demand && { demand: discovery.demand }),
  });
  running.gateways = context.gateways;
  return context;
}

async function servePages(scope: Scope, parts: Parts): Promise<App['ports']> {
  const { init, readiness, componentLog } = parts;
  const { adminAddress, metricsAddress, readinessAddress } = init.settings;
  const log = componentLog.log.child({ scope: 'pages' });
  const metrics = metricsOf(parts);
  const [admin, metricsPort, readinessPort] = await Promise.all([
    bound(
      'ADMIN_ADDRESS',
      serveHttp(scope, { address: adminAddress, routes: adminRoutes(adminSources(parts)), guard: loopbackOnly, log }),
    ),
    bound('METRICS_ADDRESS', serveHttp(scope, { address: metricsAddress, routes: metricsRoutes(metrics), log })),
    bound(
      'READINESS_ADDRESS',
      serveHttp(scope, { address: readinessAddress, routes: readinessRoutes(readiness), log }),
    ),
  ]);
  return { admin, metrics: metricsPort, readiness: readinessPort };
}

/** The page of this process, or of the whole group. */
function metricsOf({ telemetry, merged, running }: Parts): () => Promise<string> {
  const own = createProcessMetrics();
  return async () => {
    if (!running.group) return telemetry.render() + (await own.render());
    const workers = await running.group.reports();
    return merged.render([{ mesh: telemetry.states(), process: await own.state() }, ...workers]);
  };
}

async function bound(setting: string, port: Promise<number>): Promise<number> {
  try {
    return await port;
  } catch (cause) {
    throw new Error(`${setting}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function adminSources({
  init,
  componentLog,
  telemetry,
  feed,
  certificates,
  discovery,
  running,
  drain,
}: Parts): AdminSources {
  const { settings, version, role, quit } = init;
  return {
    version: { name: 'isthmus-proxy', version, role: role.name, node: process.version },
    config: effectiveSettings(settings),
    snapshot: feed.snapshot,
    certificates: () => certificates.held(),
    discovery: () => discovery.status(),
    running: () => ({
      localWorkloads: running.role?.localWorkloads() ?? [],
      openConnections: running.role?.openConnections() ?? 0,
    }),
    logLevels: {
      initial: { level: settings.logLevel, scopes: {} },
      get: componentLog.levels,
      set(levels) {
        componentLog.setLevels(levels);
        running.group?.setLogLevels(levels);
      },
    },
    gateways: () => running.gateways?.status(),
    random: init.random,
    workers: () => running.group?.status(),
    connections: async () => running.group?.connections() ?? dumpConnections(telemetry.open()),
    diagnosticsOf: (process) => (process === 0 ? ownDiagnostics : running.group?.diagnostics(process)),
    drain: () => void drain.start(),
    quit,
  };
}

/** ztunnel's own id when the pod is not known: what is asked for does not depend on it. */
function nodeOf({ settings, role }: Init) {
  const { workload, podName, podNamespace, instanceIp, clusterId, network, nodeName } = settings;
  return proxyNode({
    type: role.nodeType,
    ip: instanceIp ?? '1.1.1.1',
    pod: podName ?? workload?.name ?? role.name,
    namespace: podNamespace ?? workload?.namespace ?? 'istio-system',
    metadata: {
      CLUSTER_ID: clusterId,
      NETWORK: network,
      ...(nodeName !== undefined && { NODE_NAME: nodeName }),
      ...settings.nodeMetadata,
    },
  });
}
