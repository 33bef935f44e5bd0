/**
 * What a running proxy is made of, put together from its settings: telemetry, what it knows of the mesh, its certificates,
 * its state. Made before anything is served; `app.ts` brings it to life, `pages.ts` shows it.
 */
import type { Writable } from 'node:stream';
import { createStore, proxyNode } from '@isthmus/sdk/discovery';
import {
  type CertificateManager,
  createCaClient,
  createCertificateManager,
  createTrust,
  followTrustBundles,
  type Trust,
} from '@isthmus/sdk/identity';
import { type Clock, createDrain, type Drain, type Scope } from '@isthmus/sdk/runtime';
import { createReadiness, type Readiness } from './admin/readiness.js';
import { caAccess } from './config/control-plane.js';
import { tlsPolicyOf } from './config/tls.js';
import type { Settings } from './config.js';
import { createDiscovery, type Discovery } from './roles/discovery.js';
import type { Role, RoleContext, RunningRole } from './roles/role.js';
import { createSnapshotFeed, type SnapshotFeed } from './roles/snapshot-feed.js';
import { aboutOf } from './telemetry/about.js';
import { accessLevels } from './telemetry/access-log.js';
import { type ComponentLog, createComponentLog } from './telemetry/component-log.js';
import { createTelemetry, type TelemetrySystem } from './telemetry/index.js';
import { createLineWriter, type LineWriter } from './telemetry/log-lines.js';
import { createMergedMetrics, type MergedMetrics } from './telemetry/merged.js';
import { every } from './telemetry/periodic.js';
import { type CredentialKeeper, createCredentialKeeper } from './workers/credentials.js';
import type { WorkerGroup } from './workers/group.js';
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

/** The parts that live as long as the process. */
export interface Parts {
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
  readonly trust: Trust;
  readonly discovery: Discovery;
  readonly merged: MergedMetrics;
  readonly running: {
    role: RunningRole | undefined;
    group: WorkerGroup | undefined;
    gateways: RoleContext['gateways'] | undefined;
  };
}

export type Init = Required<Omit<AppInit, 'program'>> & Pick<AppInit, 'program'>;

export function assemble(scope: Scope, init: Init): Parts {
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
  const trust = createTrust();
  const identityLog = log.child({ scope: 'identity' });
  const certificates = createCertificateManager(scope, {
    ca: createCaClient({
      ...caAccess(settings),
      asks: settings.mode === 'shared' ? 'impersonate' : 'own',
      ttlSeconds: Math.round(settings.secretTtlMs / 1_000),
    }),
    gracePeriodRatio: settings.secretGracePeriodRatio,
    tls: tlsPolicyOf(settings),
    trust,
    clock,
    log: identityLog,
    random: init.random,
    // A process that does everything itself has no use for keys outside of their TLS contexts.
    ...(settings.workers > 1 && { onIssued: credentials.issued }),
  });
  followTrustBundles(scope, { access: caAccess(settings), trust, clock, log: identityLog, random: init.random });
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
    trust,
    discovery,
    running,
  };
}

/** ztunnel's own id when the pod is not known: what is asked for does not depend on it. */
function nodeOf({ settings, role, version }: Init) {
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
    agent: { name: 'isthmus-proxy', version },
  });
}
