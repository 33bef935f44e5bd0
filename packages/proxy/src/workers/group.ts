/**
 * The head of a group of worker processes. It has the one discovery stream, the one set of certificates and the one
 * admin port; workers share the listening sockets and carry all traffic. A worker that ends by itself is replaced after
 * a back-off of 100 ms doubling to 15 s, and costs the connections it carried; nobody else's. A worker that does not
 * answer `MISSED_REPORTS` times in a row is killed, which is the same.
 */

import type { CertificateManager } from '@isthmus/sdk/identity';
import { type Backoff, type Clock, createBackoff, type Logger, type Scope } from '@isthmus/sdk/runtime';
import type { Diagnostics } from '../admin/diagnostics.js';
import type { ConnectionDump } from '../admin/dump-connections.js';
import type { Settings } from '../config.js';
import { localWorkloads } from '../roles/local-workloads.js';
import type { RunningRole } from '../roles/role.js';
import type { TelemetrySystem } from '../telemetry/index.js';
import type { LogLevels } from '../telemetry/log-levels.js';
import type { MergedMetrics } from '../telemetry/merged.js';
import { type CredentialKeeper, credentialOf } from './credentials.js';
import type { FromHead, WorkerReport } from './protocol.js';
import { remoteDiagnostics } from './remote-diagnostics.js';
import { encodeBatch, type FollowedStore } from './state.js';
import { forkWorker, tellState, type WorkerProcess } from './worker-process.js';

export interface WorkerGroupInit {
  readonly settings: Settings;
  /** What a worker runs: the path of this program. */
  readonly program: string;
  readonly store: FollowedStore;
  readonly certificates: Pick<CertificateManager, 'certificate'>;
  readonly credentials: CredentialKeeper;
  readonly counters: TelemetrySystem['workers'];
  readonly merged: Pick<MergedMetrics, 'retire'>;
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
  setLogLevels(levels: LogLevels): void;
  /** Those under way, of all workers that answer. */
  connections(): Promise<readonly ConnectionDump[]>;
  /** Of the worker by that id, while it serves. */
  diagnostics(id: number): Diagnostics | undefined;
  /** For the admin page. */
  status(): readonly WorkerStatus[];
}

export interface WorkerStatus {
  readonly id: number;
  readonly pid: number | undefined;
  readonly state: 'starting' | 'serving' | 'replacing';
  readonly restarts: number;
  readonly openConnections: number;
}

const BACKOFF_FIRST_MS = 100;
const BACKOFF_CAP_MS = 15_000;
/** A worker that lived this long was well: the next one starts at once. */
const STEADY_MS = 60_000;
/** How old the numbers of a worker may be when it dies: what it counted since is lost. */
const REPORT_MS = 5_000;
/** On the way to a scrape, which has a time limit of its own. */
const ANSWER_MS = 2_000;
const MISSED_REPORTS = 5;
/** From `stop` to SIGKILL. */
const STOP_MS = 2_000;

interface Slot {
  readonly id: number;
  readonly backoff: Backoff;
  process: WorkerProcess | undefined;
  state: WorkerStatus['state'];
  /** Has been told the state, and hears of changes from then on. */
  informed: boolean;
  drained: boolean;
  reason: string | undefined;
  report: WorkerReport | undefined;
  missed: number;
  since: number;
  restarts: number;
}

/** Starts the workers; `scope` ends them. */
export function createWorkerGroup(scope: Scope, init: WorkerGroupInit): WorkerGroup {
  const group = new Group(init);
  scope.own(() => group.stop());
  scope.own(group.keepReporting());
  return group;
}

class Group implements WorkerGroup {
  readonly #init: WorkerGroupInit;
  readonly #slots: readonly Slot[];
  readonly started: Promise<void>;
  #stopping = false;
  #release: (() => void) | undefined;
  /** The first start; gone afterwards. */
  #starting: { resolve(): void; reject(error: Error): void } | undefined;
  #gone: (() => void) | undefined;

  constructor(init: WorkerGroupInit) {
    this.#init = init;
    this.#slots = Array.from({ length: init.settings.workers }, (_, index) => ({
      id: index + 1,
      backoff: createBackoff({ firstMs: BACKOFF_FIRST_MS, capMs: BACKOFF_CAP_MS, random: init.random }),
      process: undefined,
      state: 'starting',
      informed: false,
      drained: false,
      reason: undefined,
      report: undefined,
      missed: 0,
      since: 0,
      restarts: 0,
    }));
    this.started = this.#start();
    // Whoever made the group waits for it or closes the scope; between the two it must not count as unhandled.
    this.started.catch(() => {});
  }

  #start(): Promise<void> {
    const { store, credentials, drain } = this.#init;
    store.follow((batch) => this.#tellAll('batch', encodeBatch(batch)));
    credentials.listen({
      issued: (credential) => this.#tellAll('credential', credential),
      forgotten: (identity) => this.#tellAll('forget', identity),
    });
    drain.addEventListener('abort', () => this.#tellAll('drain', null), { once: true });
    const started = new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    for (const slot of this.#slots) this.#launch(slot);
    return started;
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
    const asked = this.#serving().map(({ process }) => process?.channel.ask('connections', null, ANSWER_MS));
    const answers = await Promise.allSettled(asked);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value ?? []) : []));
  }

  diagnostics(id: number): Diagnostics | undefined {
    const process = this.#serving().find((slot) => slot.id === id)?.process;
    return process && remoteDiagnostics(process.channel);
  }

  status(): readonly WorkerStatus[] {
    return this.#slots.map(({ id, process, state, restarts, report }) => ({
      id,
      pid: process?.pid,
      state,
      restarts,
      openConnections: report?.openConnections ?? 0,
    }));
  }

  async reports(): Promise<readonly WorkerReport[]> {
    await Promise.all(this.#living().map((slot) => this.#hear(slot)));
    return this.#living().flatMap(({ report }) => report ?? []);
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
      this.#gone = resolve;
    });
    this.#tellAll('stop', null);
    const cancel = this.#init.clock.schedule(STOP_MS, () => {
      for (const { process } of this.#living()) process?.kill();
    });
    await gone;
    cancel();
  }

  #serving(): readonly Slot[] {
    return this.#slots.filter(({ state }) => state === 'serving');
  }

  #living(): readonly Slot[] {
    return this.#slots.filter(({ process }) => process !== undefined);
  }

  #tellAll<K extends keyof FromHead['tell']>(kind: K, payload: FromHead['tell'][K]): void {
    for (const { process, informed } of this.#slots) {
      if (informed || kind === 'stop') process?.channel.tell(kind, payload);
    }
  }

  #launch(slot: Slot): void {
    const { program, certificates, credentials, counters, clock } = this.#init;
    slot.state = 'starting';
    slot.informed = false;
    slot.drained = false;
    slot.reason = undefined;
    slot.report = undefined;
    slot.missed = 0;
    slot.since = clock.monotonic();
    counters.count('starting', 1);
    this.#holdUnlessServed();
    slot.process = forkWorker({
      id: slot.id,
      program,
      onHello: () => this.#inform(slot),
      onServing: () => this.#served(slot),
      onFailed: (reason) => {
        slot.reason = reason;
      },
      onDrained: () => {
        slot.drained = true;
      },
      onExit: (how) => this.#ended(slot, how),
      certificate: (identity) => credentialOf(identity, certificates, credentials),
    });
  }

  #inform(slot: Slot): void {
    const { settings, store, credentials, logLevels, drain } = this.#init;
    const { process } = slot;
    if (!process) return;
    // The token is for the control plane, and a worker speaks to none.
    const start = { settings: { ...settings, authToken: undefined }, logLevels: logLevels() };
    tellState(process.channel, start, credentials.all(), store.snapshot);
    slot.informed = true;
    if (drain.aborted) process.channel.tell('drain', null);
  }

  #served(slot: Slot): void {
    const { counters, log } = this.#init;
    slot.state = 'serving';
    counters.count('starting', -1);
    counters.count('serving', 1);
    this.#holdUnlessServed();
    log.info({ worker: slot.id, pid: slot.process?.pid, restarts: slot.restarts }, 'worker serves');
    if (this.#starting && this.#slots.every(({ state }) => state === 'serving')) {
      this.#starting.resolve();
      this.#starting = undefined;
    }
  }

  #ended(slot: Slot, how: string): void {
    const { counters, merged, log, clock, drain } = this.#init;
    const pid = slot.process?.pid;
    counters.count(slot.state === 'serving' ? 'serving' : 'starting', -1);
    if (slot.report) merged.retire(slot.report);
    slot.process = undefined;
    slot.report = undefined;
    slot.state = 'replacing';
    if (this.#stopping) {
      if (this.#living().length === 0) this.#gone?.();
      return;
    }
    this.#holdUnlessServed();
    const reason = slot.reason ?? how;
    if (this.#starting) {
      this.#starting.reject(new Error(slot.reason ?? `worker ${slot.id} ${how}`));
      return;
    }
    if (drain.aborted) {
      log.warn({ worker: slot.id, pid, reason }, 'worker ended while draining');
      return;
    }
    if (clock.monotonic() - slot.since >= STEADY_MS) slot.backoff.reset();
    const delayMs = Math.round(slot.backoff.next());
    slot.restarts += 1;
    counters.restarted();
    log.error({ worker: slot.id, pid, reason, delayMs }, 'worker ended, its connections with it; it is replaced');
    clock.schedule(delayMs, () => {
      if (!this.#stopping && !drain.aborted) this.#launch(slot);
    });
  }

  async #hear(slot: Slot): Promise<void> {
    const { process } = slot;
    if (!process || slot.state !== 'serving') return;
    try {
      const report = await process.report(ANSWER_MS);
      if (slot.process !== process) return;
      slot.report = report;
      slot.missed = 0;
    } catch {
      if (slot.process !== process) return;
      slot.missed += 1;
      if (slot.missed < MISSED_REPORTS) return;
      slot.reason = `no answer ${slot.missed} times in a row`;
      process.kill();
    }
  }

  /** With the first worker of several the proxy serves; with none it must not be sent traffic. */
  #holdUnlessServed(): void {
    if (this.#serving().length > 0) {
      this.#release?.();
      this.#release = undefined;
    } else {
      this.#release ??= this.#init.holdReadiness();
    }
  }
}
