/**
 * The connections to one destination and the requests waiting for one. Every waiting request has a connection being
 * opened for it, or one in use that will come free; when neither is so any more it fails, it never just waits.
 */
import type { Clock } from '@isthmus/sdk/runtime';
import { Fault } from '@isthmus/sdk/wire';
import { choose, isExpired, nextStep, type PoolRules } from './pool-policy.js';
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
  retire(): void;
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
  const { rules, clock } = init;
  const entries = new Set<Entry>();
  const waiters = new Set<Waiter>();
  let opening = 0;
  let uses = 0;
  let spreadFrom = 0;
  let closedBy: Fault | undefined;

  return { with: withConnection, sweep, evictIdle, retire, close };

  function withConnection<Result>(
    signal: AbortSignal,
    use: (connection: UpstreamConnection) => Result,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (closedBy) throw closedBy;
      const waiter: Waiter = {
        take(entry) {
          leave();
          entry.lastUsed = ++uses;
          try {
            resolve(use(entry.connection));
          } catch (error) {
            reject(error);
          }
        },
        fail(error) {
          leave();
          reject(error);
        },
      };
      const onAbort = () => waiter.fail(signal.reason);
      function leave(): void {
        waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      }
      signal.addEventListener('abort', onAbort, { once: true });
      place(waiter);
    });
  }

  function place(waiter: Waiter): void {
    const all = views();
    const step = nextStep({ connections: all, opening, waiting: waiters.size }, rules);
    if (step.kind === 'overflow') {
      waiter.fail(new Fault('UPSTREAM_OVERFLOW', `${waiters.size} requests wait for ${init.name} already`));
      return;
    }
    const chosen = step.kind === 'use' ? all[step.index] : undefined;
    if (chosen === undefined) waiters.add(waiter);
    else waiter.take(chosen.entry);
    // A request that has its connection opens another only to spread, and not right after that failed.
    if (step.alsoOpen && (chosen === undefined || clock.monotonic() >= spreadFrom)) openAnother();
  }

  function openAnother(): void {
    if (!init.permits.tryAcquire()) {
      const fault = new Fault('UPSTREAM_OVERFLOW', `no connection to ${init.name}: the process has as many as it may`);
      if (entries.size + opening > 0) return;
      failWaiters(fault, waiters.size);
      init.onEmpty();
      return;
    }
    opening++;
    init.connect().then(onOpened, onOpenFailed);
  }

  function onOpened(create: (events: UpstreamConnectionEvents) => UpstreamConnection): void {
    opening--;
    const now = clock.monotonic();
    const connection = create({
      onRoom() {
        if (connection.outstanding === 0) entry.idleSince = clock.monotonic();
        serveWaiters();
      },
      onClosed() {
        entries.delete(entry);
        init.permits.release();
        serveWaiters();
      },
    });
    const entry: Entry = { connection, openedAt: now, jitter: init.random(), lastUsed: 0, idleSince: now };
    entries.add(entry);
    if (closedBy) connection.close();
    else serveWaiters();
  }

  function onOpenFailed(error: unknown): void {
    opening--;
    spreadFrom = clock.monotonic() + init.pauseMs;
    init.permits.release();
    failWaiters(error, rules.perConnection);
    serveWaiters();
  }

  /** Gives room to who waits, and opens more when what is open and being opened will not do. */
  function serveWaiters(): void {
    for (const waiter of waiters) {
      const all = views();
      const index = choose(all, rules);
      const chosen = index === undefined ? undefined : all[index];
      if (chosen === undefined) break;
      waiter.take(chosen.entry);
    }
    const short = waiters.size > opening * rules.perConnection;
    if (short && entries.size + opening < rules.maxConnections) openAnother();
    if (entries.size + opening + waiters.size === 0) init.onEmpty();
  }

  function failWaiters(error: unknown, most: number): void {
    for (const waiter of [...waiters].slice(0, most)) waiter.fail(error);
  }

  function views() {
    return [...entries].map((entry) => ({
      entry,
      outstanding: entry.connection.outstanding,
      room: entry.connection.room,
      lastUsed: entry.lastUsed,
    }));
  }

  function sweep(): void {
    const now = clock.monotonic();
    for (const entry of entries) {
      const view = { ...entry, outstanding: entry.connection.outstanding };
      if (isExpired(view, now, init)) entry.connection.retire();
    }
  }

  function evictIdle(): boolean {
    const idle = [...entries].filter((entry) => entry.connection.outstanding === 0);
    const oldest = idle.sort((a, b) => a.idleSince - b.idleSince)[0];
    oldest?.connection.close();
    return oldest !== undefined;
  }

  function retire(): void {
    for (const entry of entries) entry.connection.retire();
  }

  function close(fault: Fault): void {
    closedBy = fault;
    failWaiters(fault, waiters.size);
    for (const entry of entries) entry.connection.close();
  }
}
