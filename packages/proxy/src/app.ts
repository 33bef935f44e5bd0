/**
 * The composition root: settings in, a running proxy out. Order of start: telemetry and its pages, control plane, first
 * sync, the role's listeners, ready. Everything is owned by one scope; nothing here decides about traffic. While the
 * control plane is away the proxy goes on with the last configuration and its certificates.
 */
import { type Drain, type Logger, pause, realClock, type Scope } from '@isthmus/sdk/runtime';
import { formatSpiffeId } from '@isthmus/sdk/wire';
import { listenersForWorkers } from './capture/interception/shared-listeners.js';
import { type Ports, servePages } from './pages.js';
import { type AppInit, assemble, type Parts } from './parts.js';
import { createRoleContext } from './roles/context.js';
import { withExports } from './roles/exports.js';
import { keepCertificates } from './roles/keep-certificates.js';
import type { RoleContext, RunningRole } from './roles/role.js';
import { createWorkerGroup } from './workers/group.js';

export type { AppInit } from './parts.js';

export interface App {
  readonly log: Logger;
  /** Ends the role's traffic in an orderly way; the scope is to be closed afterwards. */
  readonly drain: Drain;
  /** Resolves when the proxy serves; rejects when it cannot, or when the scope closes before. */
  readonly ready: Promise<void>;
  readonly ports: Ports;
  /** Hands pending log lines to standard output. */
  flush(): void;
}

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

/** From the first sync to serving. */
async function serve(scope: Scope, assembled: Parts, releaseReady: () => void): Promise<void> {
  const { feed, running, discovery, readiness, componentLog } = assembled;
  const releaseCertificate = assembled.init.settings.mode === 'dedicated' ? readiness.hold('certificate') : () => {};
  await discovery.ready;
  const settings = withExports(assembled.init.settings, discovery.tellsExportsOnly);
  const parts = { ...assembled, init: { ...assembled.init, settings } };
  const { role } = parts.init;
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
  const {
    init,
    store,
    certificates,
    trust,
    credentials,
    discovery,
    telemetry,
    merged,
    readiness,
    drain,
    componentLog,
    running,
  } = parts;
  const { settings, clock, random, program } = init;
  if (program === undefined) throw new Error('worker processes need the path of the program');
  const { log } = componentLog;
  running.group = createWorkerGroup(scope, {
    settings,
    program,
    store,
    certificates,
    trust,
    credentials,
    demand: discovery.demand,
    counters: telemetry.workers,
    merged,
    clock,
    random,
    drain: drain.signal,
    listeners: await listenersForWorkers(scope, settings, drain.signal),
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
