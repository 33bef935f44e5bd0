/**
 * The head of a group of worker processes. It has the one discovery stream, the one set of certificates and the one
 * admin port; workers share the listening sockets and carry all traffic. What the head learns every worker is told; a
 * worker that ends costs the connections it carried, nobody else's (see `slot.ts`).
 */
import type { CertificateManager, Trust } from '@isthmus/sdk/identity';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import type { Diagnostics } from '../admin/diagnostics.js';
import type { ConnectionDump } from '../admin/dump-connections.js';
import type { GatewayOutOfService } from '../admin/explain/route.js';
import type { HandedOver } from '../capture/interception/handed-over.js';
import type { SharedListeners } from '../capture/interception/shared-listeners.js';
import type { Settings } from '../config.js';
import { localWorkloads } from '../roles/local-workloads.js';
import type { RoleContext, RunningRole } from '../roles/role.js';
import type { TelemetrySystem } from '../telemetry/index.js';
import type { LogLevels } from '../telemetry/log-levels.js';
import type { MergedMetrics } from '../telemetry/merged.js';
import { type CredentialKeeper, credentialOf } from './credentials.js';
import type { FromHead, WorkerReport } from './protocol.js';
import { remoteDiagnostics } from './remote-diagnostics.js';
import { Slot, type WorkerStatus } from './slot.js';
import { encodeBatch, type FollowedStore } from './state.js';
import { tellState, type WorkerProcess } from './worker-process.js';

export interface WorkerGroupInit {
  readonly settings: Settings;
  /** What a worker runs: the path of this program. */
  readonly program: string;
  readonly store: FollowedStore;
  readonly certificates: Pick<CertificateManager, 'certificate'>;
  readonly trust: Pick<Trust, 'bundles' | 'onChanged'>;
  readonly credentials: CredentialKeeper;
  readonly demand: RoleContext['demand'];
  readonly counters: TelemetrySystem['workers'];
  readonly merged: Pick<MergedMetrics, 'retire'>;
  /** Listening sockets that workers cannot open themselves. */
  readonly listeners: Pick<SharedListeners, 'fresh'> | undefined;
  readonly drain: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Holds readiness back while no worker serves. */
  holdReadiness(): () => void;
  logLevels(): LogLevels;
}

export interface WorkerGroup extends RunningRole {
  /** Resolves when every worker serves; rejects with the first one's reason when it cannot. */
  readonly started: Promise<void>;
  /** Numbers of every worker, as they are now or as last heard. */
  reports(): Promise<readonly WorkerReport[]>;
  /** Gateways out of service, by the worker that found it out: each judges for itself. */
  gateways(): Promise<readonly GatewayOutOfService[]>;
  setLogLevels(levels: LogLevels): void;
  /** Those under way, of all workers that answer. */
  connections(): Promise<readonly ConnectionDump[]>;
  /** Of the worker by that id, while it serves. */
  diagnostics(id: number): Diagnostics | undefined;
  /** For the admin page. */
  status(): readonly WorkerStatus[];
}

/** How old the numbers of a worker may be when it dies: what it counted since is lost. */
const REPORT_MS = 5_000;
/** For the list of connections, which somebody waits for. */
const LIST_MS = 2_000;
/** From `stop` to SIGKILL. */
const STOP_MS = 2_000;

/** Starts the workers; `scope` ends them. */
export function createWorkerGroup(scope: Scope, init: WorkerGroupInit): WorkerGroup {
  const group = new Group(init);
  scope.own(() => group.stop());
  scope.own(group.keepReporting());
  return group;
}

class Group implements WorkerGroup {
  readonly started: Promise<void>;
  readonly #init: WorkerGroupInit;
  readonly #slots: readonly Slot[];
  /** Workers that were told what to listen on and live. */
  readonly #informed = new Set<number>();
  #listeners: HandedOver | undefined;
  #stopping = false;
  #releaseReadiness: (() => void) | undefined;
  /** The first start; gone afterwards. */
  #starting: { resolve(): void; reject(error: Error): void } | undefined;
  #onGone: (() => void) | undefined;

  constructor(init: WorkerGroupInit) {
    this.#init = init;
    this.#slots = Array.from({ length: init.settings.workers }, (_, index) => this.#slot(index + 1));
    this.started = this.#start();
    // Whoever made the group waits for it or closes the scope; between the two it must not count as unhandled.
    this.started.catch(() => {});
  }

  localWorkloads() {
    return localWorkloads(this.#init.store.snapshot, this.#init.settings);
  }

  /** As last reported; while draining, a worker counts until it says that it is done. */
  openConnections(): number {
    const draining = this.#init.drain.aborted;
    return this.#living().reduce((total, { report, drained }) => {
      const open = report?.openConnections ?? 0;
      return total + (draining ? (drained ? 0 : Math.max(1, open)) : open);
    }, 0);
  }

  setLogLevels(levels: LogLevels): void {
    this.#tellAll('logLevels', levels);
  }

  async connections(): Promise<readonly ConnectionDump[]> {
    const asked = this.#serving().map(({ process }) => process?.channel.ask('connections', null, LIST_MS));
    const answers = await Promise.allSettled(asked);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value ?? []) : []));
  }

  diagnostics(id: number): Diagnostics | undefined {
    const process = this.#serving().find((slot) => slot.id === id)?.process;
    return process && remoteDiagnostics(process.channel);
  }

  status(): readonly WorkerStatus[] {
    return this.#slots.map(({ status }) => status);
  }

  async reports(): Promise<readonly WorkerReport[]> {
    await this.#hearAll();
    return this.#slots.flatMap(({ report }) => report ?? []);
  }

  async gateways(): Promise<readonly GatewayOutOfService[]> {
    await this.#hearAll();
    return this.#slots.flatMap(({ id, report }) => report?.gateways.map((each) => ({ ...each, worker: id })) ?? []);
  }

  /** Returns how to stop. */
  keepReporting(): () => void {
    const { clock } = this.#init;
    let cancel = () => {};
    const next = () => {
      if (this.#stopping) return;
      cancel = clock.schedule(REPORT_MS, () => void this.reports().then(next));
    };
    next();
    return () => cancel();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#starting?.reject(new Error('closed before every worker served'));
    if (this.#living().length === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.#onGone = resolve;
    });
    this.#tellAll('stop', null);
    const cancel = this.#init.clock.schedule(STOP_MS, () => {
      for (const { process } of this.#living()) process?.kill();
    });
    await gone;
    cancel();
  }

  #start(): Promise<void> {
    const { store, trust, credentials, drain } = this.#init;
    trust.onChanged(() => this.#tellAll('trust', trust.bundles ?? null));
    store.follow((batch) => this.#tellAll('batch', encodeBatch(batch)));
    credentials.listen({
      issued: (credential) => this.#tellAll('credential', credential),
      forgotten: (identity) => this.#tellAll('forget', identity),
    });
    drain.addEventListener('abort', () => this.#tellAll('drain', null), { once: true });
    const started = new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    for (const slot of this.#slots) slot.launch();
    return started;
  }

  #slot(id: number): Slot {
    const { program, certificates, credentials, demand, merged, drain, clock, log, random } = this.#init;
    return new Slot({
      id,
      program,
      clock,
      log,
      random,
      certificate: (identity) => credentialOf(identity, certificates, credentials),
      demand: demand ?? (async () => []),
      inform: (process) => this.#inform(id, process),
      onState: (from, to, slot) => this.#changed(from, to, slot),
      onLost: (report) => merged.retire(report),
      isReplaced: () => !this.#stopping && !this.#starting && !drain.aborted,
    });
  }

  #inform(id: number, { channel }: WorkerProcess): void {
    const { settings, store, trust, credentials, logLevels, drain, listeners } = this.#init;
    if (this.#informed.size === 0) this.#listeners = listeners?.fresh();
    this.#informed.add(id);
    const start = {
      settings: { ...settings, authToken: undefined, xdsHeaders: {}, caHeaders: {} },
      logLevels: logLevels(),
      listeners: this.#listeners,
    };
    const { snapshot } = store;
    tellState(channel, { start, trust: trust.bundles ?? null, credentials: credentials.all(), snapshot });
    if (drain.aborted) channel.tell('drain', null);
  }

  #changed(from: WorkerStatus['state'] | undefined, to: WorkerStatus['state'], { id, reason }: Slot): void {
    const { counters } = this.#init;
    if (from === 'starting' || from === 'serving') counters.count(from, -1);
    if (to !== 'replacing') counters.count(to, 1);
    this.#keepReadiness();
    if (to === 'serving') this.#servesNow();
    if (to === 'replacing') this.#informed.delete(id);
    if (to === 'starting' && from === 'replacing') counters.restarted();
    if (to !== 'replacing') return;
    this.#starting?.reject(new Error(`worker ${id}: ${reason}`));
    if (this.#stopping && this.#living().length === 0) this.#onGone?.();
  }

  async #hearAll(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.hear()));
  }

  #servesNow(): void {
    if (!this.#starting || this.#serving().length < this.#slots.length) return;
    this.#starting.resolve();
    this.#starting = undefined;
  }

  /** With the first worker of several the proxy serves; with none it must not be sent traffic. */
  #keepReadiness(): void {
    if (this.#serving().length > 0) {
      this.#releaseReadiness?.();
      this.#releaseReadiness = undefined;
    } else if (!this.#stopping) {
      this.#releaseReadiness ??= this.#init.holdReadiness();
    }
  }

  #serving(): readonly Slot[] {
    return this.#slots.filter(({ serving }) => serving);
  }

  #living(): readonly Slot[] {
    return this.#slots.filter(({ process }) => process !== undefined);
  }

  #tellAll<K extends keyof FromHead['tell']>(kind: K, payload: FromHead['tell'][K]): void {
    for (const slot of this.#slots) slot.tell(kind, payload);
  }
}
