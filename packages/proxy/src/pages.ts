/** The three pages of a proxy, each on its own address: admin, metrics, readiness. Of this process, or of the whole group. */
import type { Scope } from '@isthmus/sdk/runtime';
import { type AdminSources, adminRoutes, loopbackOnly } from './admin/admin.js';
import { ownDiagnostics } from './admin/diagnostics.js';
import { dumpConnections } from './admin/dump-connections.js';
import { serveHttp } from './admin/http.js';
import { metricsRoutes } from './admin/metrics.js';
import { readinessRoutes } from './admin/readiness.js';
import { effectiveSettings } from './config.js';
import type { Parts } from './parts.js';
import { followedBy } from './telemetry/pieces.js';
import { createProcessMetrics } from './telemetry/process-metrics.js';

/** As bound. */
export interface Ports {
  readonly admin: number;
  readonly metrics: number;
  readonly readiness: number;
}

/** Rejects with the setting to change when one cannot be bound. */
export async function servePages(scope: Scope, parts: Parts): Promise<Ports> {
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

function metricsOf({ telemetry, merged, running }: Parts): () => Promise<Iterable<string>> {
  const own = createProcessMetrics();
  return async () => {
    if (!running.group) return followedBy(telemetry.render(), await own.render());
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
    gatewaysOutOfService: async () => running.group?.gateways() ?? running.gateways?.status() ?? [],
    random: init.random,
    workers: () => running.group?.status(),
    connections: async () => running.group?.connections() ?? dumpConnections(telemetry.open()),
    diagnosticsOf: (process) => (process === 0 ? ownDiagnostics : running.group?.diagnostics(process)),
    drain: () => void drain.start(),
    quit,
  };
}
