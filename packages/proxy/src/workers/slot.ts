/**
 * The place of one worker in its group: a process, and after it the next one. A worker that ends by itself is replaced
 * after a back-off of 100 ms doubling to 15 s. One that has not been heard of for `SILENT_MS` is killed, which is the same.
 */
import { type Backoff, type Clock, createBackoff, type Logger } from '@isthmus/sdk/runtime';
import type { FromHead, WorkerReport } from './protocol.js';
import { forkWorker, type WorkerProcess, type WorkerProcessInit } from './worker-process.js';

export interface WorkerStatus {
  readonly id: number;
  readonly pid: number | undefined;
  readonly state: 'starting' | 'serving' | 'replacing';
  readonly restarts: number;
  /** As last reported. */
  readonly openConnections: number;
}

export interface SlotInit extends Pick<WorkerProcessInit, 'id' | 'program' | 'certificate' | 'demand'> {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Tells the new process all there is. */
  inform(process: WorkerProcess): void;
  /** From one state to another; undefined before the first and after the last. */
  onState(from: WorkerStatus['state'] | undefined, to: WorkerStatus['state'], slot: Slot): void;
  /** What an ended process had last reported. */
  onLost(report: WorkerReport): void;
  /** Whether what has ended is to be replaced. */
  isReplaced(): boolean;
}

const BACKOFF_FIRST_MS = 100;
const BACKOFF_CAP_MS = 15_000;
/** A worker that lived this long was well: the next one starts at once. */
const STEADY_MS = 60_000;
/** On the way to a scrape, which has a time limit of its own. */
const ANSWER_MS = 2_000;
/** A heap snapshot stops a process of several gigabytes for half of it. */
const SILENT_MS = 60_000;

export class Slot {
  readonly id: number;
  readonly #init: SlotInit;
  readonly #backoff: Backoff;
  #process: WorkerProcess | undefined;
  #state: WorkerStatus['state'] | undefined;
  #informed = false;
  #drained = false;
  #reason: string | undefined;
  #report: WorkerReport | undefined;
  #since = 0;
  #heardAt = 0;
  #restarts = 0;

  constructor(init: SlotInit) {
    this.id = init.id;
    this.#init = init;
    this.#backoff = createBackoff({ firstMs: BACKOFF_FIRST_MS, capMs: BACKOFF_CAP_MS, random: init.random });
  }

  /** While there is one. */
  get process(): WorkerProcess | undefined {
    return this.#process;
  }

  get serving(): boolean {
    return this.#state === 'serving';
  }

  /** Nothing is under way there any more, or it has said that its deadline passed. */
  get drained(): boolean {
    return this.#drained;
  }

  get report(): WorkerReport | undefined {
    return this.#report;
  }

  /** Why the process ended or is about to, if it said. */
  get reason(): string | undefined {
    return this.#reason;
  }

  get status(): WorkerStatus {
    return {
      id: this.id,
      pid: this.#process?.pid,
      state: this.#state ?? 'starting',
      restarts: this.#restarts,
      openConnections: this.#report?.openConnections ?? 0,
    };
  }

  launch(): void {
    const { id, program, certificate, demand, clock, inform } = this.#init;
    this.#informed = false;
    this.#drained = false;
    this.#reason = undefined;
    this.#since = this.#heardAt = clock.monotonic();
    this.#enter('starting');
    const process = forkWorker({
      id,
      program,
      certificate,
      demand,
      onHello: () => {
        inform(process);
        this.#informed = true;
      },
      onServing: () => this.#served(),
      onFailed: (reason) => {
        this.#reason = reason;
      },
      onDrained: () => {
        this.#drained = true;
      },
      onExit: (how) => this.#ended(how),
    });
    this.#process = process;
  }

  /** A change; what a process that has just been started does not know yet is told with all the rest. */
  tell<K extends keyof FromHead['tell']>(kind: K, payload: FromHead['tell'][K]): void {
    if (this.#informed || kind === 'stop') this.#process?.channel.tell(kind, payload);
  }

  /** Asks for the newest numbers; when there is no answer the last ones stand. */
  async hear(): Promise<void> {
    const process = this.#process;
    if (!process || !this.serving) return;
    const report = await process.channel.ask('report', null, ANSWER_MS).catch(() => undefined);
    if (this.#process !== process) return;
    const now = this.#init.clock.monotonic();
    if (report) {
      this.#report = report;
      this.#heardAt = now;
    } else if (now - this.#heardAt >= SILENT_MS) {
      this.#reason = `no answer for ${Math.round((now - this.#heardAt) / 1_000)} s`;
      process.kill();
    }
  }

  #served(): void {
    const { log, clock } = this.#init;
    this.#heardAt = clock.monotonic();
    log.info({ worker: this.id, pid: this.#process?.pid, restarts: this.#restarts }, 'worker serves');
    this.#enter('serving');
  }

  #ended(how: string): void {
    const { log, clock, onLost, isReplaced } = this.#init;
    const pid = this.#process?.pid;
    if (this.#report) onLost(this.#report);
    this.#reason ??= how;
    this.#process = undefined;
    this.#report = undefined;
    this.#enter('replacing');
    if (!isReplaced()) return;
    if (clock.monotonic() - this.#since >= STEADY_MS) this.#backoff.reset();
    const delayMs = Math.round(this.#backoff.next());
    this.#restarts += 1;
    log.error(
      { worker: this.id, pid, reason: this.#reason, delayMs },
      'worker ended, its connections with it; it is replaced',
    );
    clock.schedule(delayMs, () => {
      if (isReplaced()) this.launch();
    });
  }

  #enter(state: WorkerStatus['state']): void {
    const before = this.#state;
    this.#state = state;
    this.#init.onState(before, state, this);
  }
}
