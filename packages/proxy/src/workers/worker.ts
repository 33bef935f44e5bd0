/**
 * A worker process: a role whose snapshots and certificates come from the head of its group instead of a control plane.
 * It serves no page, takes no signal and asks nobody but the head; when the head is gone it exits, and its connections
 * with it, because nobody could tell it of a policy any more.
 */
import type { Writable } from 'node:stream';
import { createStore } from '@isthmus/sdk/discovery';
import { createTrust, type TrustBundles } from '@isthmus/sdk/identity';
import { createDrain, createScope, type Drain, realClock, type Scope } from '@isthmus/sdk/runtime';
import { ownDiagnostics } from '../admin/diagnostics.js';
import { type ConnectionDump, dumpConnections } from '../admin/dump-connections.js';
import { tlsPolicyOf } from '../config/tls.js';
import type { Settings } from '../config.js';
import { createRoleContext } from '../roles/context.js';
import type { Role, RoleContext, RunningRole } from '../roles/role.js';
import { createSnapshotFeed } from '../roles/snapshot-feed.js';
import { aboutOf } from '../telemetry/about.js';
import { accessLevels } from '../telemetry/access-log.js';
import { type ComponentLog, createComponentLog } from '../telemetry/component-log.js';
import { createTelemetry } from '../telemetry/index.js';
import { createLineWriter, PIPE_BUF } from '../telemetry/log-lines.js';
import { every } from '../telemetry/periodic.js';
import { createProcessMetrics } from '../telemetry/process-metrics.js';
import { type Channel, createChannel } from './channel.js';
import { createHeldCertificates, type HeldCertificates } from './credentials.js';
import type { FromHead, FromWorker, WorkerReport, WorkerStart } from './protocol.js';
import { answerDiagnostics } from './remote-diagnostics.js';
import { decodeBatch } from './state.js';
import { WORKER_VARIABLE } from './worker-process.js';

export interface WorkerInit {
  readonly roles: Readonly<Record<Settings['role'], Role>>;
  readonly stdout: Writable;
  /** Ends the process. */
  exit(code: number): void;
}

/** Longest wait for the head to have a certificate issued; the CA client gives up earlier. */
const CERTIFICATE_MS = 30_000;
/** Longest wait for the head to have addresses asked for; it gives up on the control plane after half of that. */
const DEMAND_MS = 10_000;

/** True in a process that `forkWorker` made. */
export function isWorker(env: Readonly<Record<string, string | undefined>>): boolean {
  return env[WORKER_VARIABLE] !== undefined && process.send !== undefined;
}

/**
 * Sockets that systemd handed to the head are a worker's to listen on too: by their number, which the head resolves. The
 * variable that says whom they are for names the head.
 */
export function inheritListeners(env: Record<string, string | undefined>, ids: { pid: number; ppid: number }): void {
  if (env.LISTEN_PID === String(ids.ppid)) env.LISTEN_PID = String(ids.pid);
}

/** Follows the head from its first word to `stop`. */
export function runWorker(init: WorkerInit): void {
  let worker: Worker | undefined;
  const known = () => {
    if (!worker) throw new Error('told of something before the start');
    return worker;
  };
  const channel: Channel<FromWorker> = createChannel<FromWorker, FromHead>(
    {
      send: (message, sent) => void (process.connected && process.send?.(message, undefined, undefined, sent)),
      onMessage: (listener) => void process.on('message', listener),
      // The head does not read: it is as good as gone.
      onStuck: () => init.exit(1),
    },
    {
      told: {
        start(start) {
          worker = new Worker(init, start, channel);
        },
        credential: (credential) => known().credential(credential),
        forget: (identity) => known().certificates.forget(identity),
        trust: (bundles) => known().trust(bundles),
        batch: (bytes) => known().batch(bytes),
        synced: () => void known().serve(),
        logLevels: (levels) => known().componentLog.setLevels(levels),
        drain: () =>
          void known()
            .drain.start()
            .then(() => channel.tell('drained', null)),
        stop: () => void (worker ? worker.stop() : init.exit(0)),
      },
      asked: {
        report: () => known().report(),
        connections: () => known().connections(),
        ...answerDiagnostics(ownDiagnostics),
      },
    },
  );
  channel.tell('hello', null);
}

class Worker {
  readonly certificates: HeldCertificates;
  readonly componentLog: ComponentLog;
  readonly drain: Drain;
  readonly #init: WorkerInit;
  readonly #settings: Settings;
  readonly #listeners: WorkerStart['listeners'];
  readonly #scope: Scope = createScope();
  readonly #store = createStore();
  readonly #trust = createTrust();
  readonly #processMetrics = createProcessMetrics();
  readonly #channel: Channel<FromWorker>;
  readonly #lines;
  readonly #telemetry;
  readonly #feed;
  #role: RunningRole | undefined;
  #gateways: RoleContext['gateways'] | undefined;

  constructor(init: WorkerInit, { settings, logLevels, listeners }: WorkerStart, channel: Channel<FromWorker>) {
    this.#init = init;
    this.#settings = settings;
    this.#listeners = listeners;
    this.#channel = channel;
    // All workers write to the same pipe: what is larger than the kernel writes at once could be cut by another's line.
    this.#lines = createLineWriter(init.stdout, PIPE_BUF);
    this.componentLog = createComponentLog(settings.logLevel, settings.logFormat, this.#lines);
    this.componentLog.setLevels(logLevels);
    const { log } = this.componentLog;
    this.#telemetry = createTelemetry({
      clock: realClock,
      maxSeries: settings.metricsMaxSeries,
      idleMs: settings.metricsIdleMs,
      accessLog: { format: settings.logFormat, lines: this.#lines, enabled: accessLevels(log) },
      about: aboutOf(settings),
    });
    every(this.#scope, realClock, settings.accessLogIntervalMs, this.#telemetry.logOpen);
    this.#feed = createSnapshotFeed(this.#store, log.child({ scope: 'snapshot' }));
    this.certificates = createHeldCertificates({
      clock: realClock,
      trust: this.#trust,
      tls: tlsPolicyOf(settings),
      ask: (identity) => channel.ask('certificate', identity, CERTIFICATE_MS),
    });
    this.drain = createDrain({
      clock: realClock,
      deadlineMs: settings.terminationDeadlineMs,
      openConnections: () => this.#role?.openConnections() ?? 0,
    });
  }

  batch(bytes: Uint8Array): void {
    this.#feed.changed(this.#store.apply(decodeBatch(bytes)));
  }

  credential(credential: Parameters<HeldCertificates['accept']>[0]): void {
    try {
      this.certificates.accept(credential);
    } catch (error) {
      // Expired while the CA was away, say; whoever needs it asks the head and is told.
      this.componentLog.log.debug({ err: error, identity: credential.identity }, 'a certificate cannot be used');
    }
  }

  trust(bundles: TrustBundles | null): void {
    this.#trust.set(bundles ?? undefined);
  }

  async serve(): Promise<void> {
    const role = this.#init.roles[this.#settings.role];
    try {
      const context = this.#context(role);
      this.#gateways = context.gateways;
      this.#role = await role.start(this.#scope, context);
      this.#channel.tell('serving', null);
    } catch (error) {
      this.#channel.tell('failed', error instanceof Error ? error.message : String(error));
      await this.stop(1);
    }
  }

  #context(role: Role): RoleContext {
    return createRoleContext(this.#scope, {
      settings: this.#settings,
      listeners: this.#listeners,
      role,
      clock: realClock,
      random: Math.random,
      certificates: this.certificates,
      feed: this.#feed,
      log: this.componentLog.log,
      telemetry: this.#telemetry.telemetry,
      drain: this.drain.signal,
      ...(this.#settings.xdsOnDemand && { demand: (names) => this.#demand(names) }),
    });
  }

  /** What came is in the snapshot then: the head tells before it answers. */
  #demand(names: readonly string[]): Promise<readonly string[]> {
    return this.#channel.ask('demand', names, DEMAND_MS).catch(() => names);
  }

  async report(): Promise<WorkerReport> {
    return {
      mesh: this.#telemetry.states(),
      process: await this.#processMetrics.state(),
      openConnections: this.#role?.openConnections() ?? 0,
      gateways: this.#gateways?.status() ?? [],
    };
  }

  async connections(): Promise<readonly ConnectionDump[]> {
    return dumpConnections(this.#telemetry.open());
  }

  async stop(code = 0): Promise<void> {
    await this.#scope.close('stopped').catch((error) => this.componentLog.log.warn({ err: error }, 'closing'));
    this.#lines.flush();
    this.#init.exit(code);
  }
}
