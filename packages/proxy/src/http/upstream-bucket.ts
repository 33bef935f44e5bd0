/**
 * The connections to one destination and the requests waiting for one. Every waiting request has a connection being
 * opened for it, or one in use that will come free; when neither is so any more it fails, it never just waits.
 */
import { choose } from '@isthmus/sdk/hbone';
import type { Clock } from '@isthmus/sdk/runtime';
import { Fault } from '@isthmus/sdk/wire';
import { isExpired, nextStep, type PoolRules } from './pool-policy.js';
import type { UpstreamConnection, UpstreamConnectionEvents } from './upstream-connection.js';

export interface BucketInit {
  /** For messages: the destination. */
  readonly name: string;
  readonly rules: PoolRules;
  readonly ageMs: number;
  readonly idleMs: number;
  /** How long a failed attempt to spread is not repeated. */
  readonly pauseMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Rejects with a `Fault`. */
  connect(): Promise<(events: UpstreamConnectionEvents) => UpstreamConnection>;
  /** The process-wide bound; what it granted is given back by `release`. */
  readonly permits: { tryAcquire(): boolean; release(): void };
  /** Nothing is open, being opened or waited for. */
  onEmpty(): void;
}

export interface Bucket {
  with<Result>(signal: AbortSignal, use: (connection: UpstreamConnection) => Result): Promise<Result>;
  /** Retires what is old or idle. */
  sweep(): void;
  /** Closes the connection that has been idle longest; false when none is idle. */
  evictIdle(): boolean;
  /** Requests that wait fail with `fault`. */
  close(fault: Fault): void;
}

interface Entry {
  readonly connection: UpstreamConnection;
  readonly openedAt: number;
  readonly jitter: number;
  lastUsed: number;
  idleSince: number;
}

interface Waiter {
  take(entry: Entry): void;
  fail(error: unknown): void;
}

export function createBucket(init: BucketInit): Bucket {
  return new ConnectionBucket(init);
}

class ConnectionBucket implements Bucket {
  readonly #init: BucketInit;
  readonly #entries = new Set<Entry>();
  readonly #waiters = new Set<Waiter>();
  #opening = 0;
  /** Counts uses, to tell earlier from later. */
  #uses = 0;
  /** No connection is opened only to spread before this moment. */
  #spreadFrom = 0;
  #closedBy: Fault | undefined;

  constructor(init: BucketInit) {
    this.#init = init;
  }

  with<Result>(signal: AbortSignal, use: (connection: UpstreamConnection) => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#closedBy) throw this.#closedBy;
      const onAbort = () => waiter.fail(signal.reason);
      const leave = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        take: (entry) => {
          leave();
          entry.lastUsed = ++this.#uses;
          try {
            resolve(use(entry.connection));
          } catch (error) {
            reject(error);
          }
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#place(waiter);
    });
  }

  sweep(): void {
    const now = this.#init.clock.monotonic();
    for (const entry of this.#entries) {
      const view = { ...entry, outstanding: entry.connection.outstanding };
      if (isExpired(view, now, this.#init)) entry.connection.retire();
    }
  }

  evictIdle(): boolean {
    const idle = [...this.#entries].filter((entry) => entry.connection.outstanding === 0);
    const oldest = idle.sort((a, b) => a.idleSince - b.idleSince)[0];
    oldest?.connection.close();
    return oldest !== undefined;
  }

  close(fault: Fault): void {
    this.#closedBy = fault;
    this.#failWaiters(fault, this.#waiters.size);
    for (const entry of this.#entries) entry.connection.close();
  }

  #place(waiter: Waiter): void {
    const { rules, name, clock } = this.#init;
    const views = this.#views();
    const step = nextStep({ connections: views, opening: this.#opening, waiting: this.#waiters.size }, rules);
    if (step.kind === 'overflow') {
      waiter.fail(new Fault('UPSTREAM_OVERFLOW', `${this.#waiters.size} requests wait for ${name} already`));
      return;
    }
    const chosen = step.kind === 'use' ? views[step.index] : undefined;
    if (chosen === undefined) this.#waiters.add(waiter);
    else waiter.take(chosen.entry);
    // A request that has its connection opens another only to spread, and not right after that failed.
    if (step.alsoOpen && (chosen === undefined || clock.monotonic() >= this.#spreadFrom)) this.#openAnother();
  }

  #openAnother(): void {
    const { permits, name, onEmpty } = this.#init;
    if (permits.tryAcquire()) {
      this.#opening++;
      this.#init.connect().then(
        (create) => this.#onOpened(create),
        (error) => this.#onOpenFailed(error),
      );
      return;
    }
    // Those that are open or being opened will do for who waits.
    if (this.#entries.size + this.#opening > 0) return;
    const fault = new Fault('UPSTREAM_OVERFLOW', `no connection to ${name}: the process has as many as it may`);
    this.#failWaiters(fault, this.#waiters.size);
    onEmpty();
  }

  #onOpened(create: (events: UpstreamConnectionEvents) => UpstreamConnection): void {
    this.#opening--;
    const now = this.#init.clock.monotonic();
    const connection = create({
      onRoom: () => {
        if (connection.outstanding === 0) entry.idleSince = this.#init.clock.monotonic();
        this.#serveWaiters();
      },
      onClosed: () => {
        this.#entries.delete(entry);
        this.#init.permits.release();
        this.#serveWaiters();
      },
    });
    const entry: Entry = { connection, openedAt: now, jitter: this.#init.random(), lastUsed: 0, idleSince: now };
    this.#entries.add(entry);
    if (this.#closedBy) connection.close();
    else this.#serveWaiters();
  }

  #onOpenFailed(error: unknown): void {
    const { clock, pauseMs, permits, rules } = this.#init;
    this.#opening--;
    this.#spreadFrom = clock.monotonic() + pauseMs;
    permits.release();
    this.#failWaiters(error, rules.perConnection);
    this.#serveWaiters();
  }

  /** Gives room to who waits, and opens more when what is open and being opened will not do. */
  #serveWaiters(): void {
    const { rules, onEmpty } = this.#init;
    for (const waiter of this.#waiters) {
      const views = this.#views();
      const index = choose(views, rules);
      const chosen = index === undefined ? undefined : views[index];
      if (chosen === undefined) break;
      waiter.take(chosen.entry);
    }
    const existing = this.#entries.size + this.#opening;
    const short = this.#waiters.size > this.#opening * rules.perConnection;
    if (short && existing < rules.maxConnections) this.#openAnother();
    if (this.#entries.size + this.#opening + this.#waiters.size === 0) onEmpty();
  }

  #failWaiters(error: unknown, most: number): void {
    for (const waiter of [...this.#waiters].slice(0, most)) waiter.fail(error);
  }

  #views() {
    return [...this.#entries].map((entry) => ({
      entry,
      outstanding: entry.connection.outstanding,
      room: entry.connection.room,
      lastUsed: entry.lastUsed,
    }));
  }
}
