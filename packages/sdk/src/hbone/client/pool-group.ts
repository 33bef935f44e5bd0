/**
 * Connections that may stand in for each other, and who waits for one. A waiter always has a dial under way for it or is
 * told that there is none: nothing here waits for a stream to end, though a stream that ends serves a waiter first.
 *
 * Through a gateway the members lead to different backends. Which one is known from the first answer over a member: of
 * two members with the same backend the younger is retired as soon as the older has room, and another is drawn. A member
 * past its age is replaced before it is retired, so that no caller pays for it.
 *
 * Bounds: the pool's permits; `spread.limit` backends; `PARALLEL_DRAWS` dials that nobody waits for.
 */
import type { Clock } from '../../runtime/clock.js';
import type { HboneClientConnection } from './client.js';
import {
  type Backend,
  backendsMissing,
  backendsWanted,
  type Coverage,
  choose,
  drawPauseMs,
  isCovered,
  lifeOf,
} from './pool-policy.js';

export interface Member {
  readonly connection: HboneClientConnection;
  /** Grows with each connection of the pool: tells newer from older. */
  readonly sequence: number;
  readonly openedAt: number;
  /** See `lifeOf`. */
  readonly jitter: number;
  backend: Backend;
  lastUsed: number;
  idleSince: number;
  cancelIdle: () => void;
  cancelAge: () => void;
}

export interface GroupInit {
  readonly clock: Clock;
  readonly random: () => number;
  /** Streams a connection is taken to have before its peer says. */
  readonly maxStreams: number;
  readonly idleMs: number;
  /** Infinity for connections that lead to one place. */
  readonly ageMs: number;
  /** Backends to hold at most; 1 for connections that lead to one place. */
  readonly backendLimit: number;
  readonly permits: Permits;
  /** Rejects with a `Fault`; holds the permit it was called with until the connection is closed. */
  dial(): Promise<Dialled>;
  onEmpty(): void;
}

export interface Dialled {
  readonly connection: HboneClientConnection;
  readonly sequence: number;
}

export interface Permits {
  /** There is one without taking it from an idle connection. */
  readonly isFree: boolean;
  /** Takes one, from the longest idle connection if need be. Throws a `Fault` when all are in use. */
  acquire(): void;
  release(): void;
}

export interface Seeker {
  readonly signal: AbortSignal | undefined;
  /** Members it cannot use: it has been there, or they are too old for it. */
  excludes(member: Member): boolean;
}

interface Waiter extends Seeker {
  take(member: Member): void;
  fail(reason: unknown): void;
}

/** Enough to be warm soon, few enough that a gateway sees no storm from one client. */
const PARALLEL_DRAWS = 4;
/** A failed draw is not repeated at once: callers are served by what there is. */
const FAILED_DRAW_PAUSE_MS = 5_000;
/** A group that covers every backend keeps its connections this many times longer. */
const COVERED_LIVES = 10;

export class PoolGroup {
  readonly #init: GroupInit;
  readonly #members = new Set<Member>();
  readonly #waiters = new Set<Waiter>();
  /** What the registry says, as of the last caller. */
  #capacity = 1;
  /** Dials that a waiter needs, and those that only look for further backends. */
  #needed = 0;
  #drawing = 0;
  /** Streams one connection of this peer takes: assumed, then as its SETTINGS said. */
  #streamsEach: number;
  #uses = 0;
  #usedAt: number;
  #fruitless = 0;
  #drawFrom = Number.NEGATIVE_INFINITY;
  #isRetired = false;

  constructor(init: GroupInit) {
    this.#init = init;
    this.#streamsEach = init.maxStreams;
    this.#usedAt = init.clock.monotonic();
  }

  /** Those that take streams. */
  get members(): Iterable<Member> {
    return this.#members;
  }

  /**
   * Runs `use` with a member that has a stream to give, at once on finding it, so that nobody else takes the stream.
   * Rejects with what dialling failed of, or with the signal's reason. `capacity` is the number of backends there are.
   */
  with<Result>(seeker: Seeker, capacity: number, use: (member: Member) => Result): Promise<Result> {
    this.#capacity = capacity;
    this.#usedAt = this.#init.clock.monotonic();
    return new Promise((resolve, reject) => {
      const { signal } = seeker;
      signal?.throwIfAborted();
      const onAbort = () => waiter.fail(signal?.reason);
      const leave = () => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        signal,
        excludes: seeker.excludes,
        take: (member) => {
          leave();
          this.#uses += 1;
          member.lastUsed = this.#uses;
          try {
            resolve(use(member));
          } catch (error) {
            reject(error);
          }
        },
        fail: (reason) => {
          leave();
          reject(reason);
          this.#reportIfEmpty();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#place(waiter);
    });
  }

  /** The first answer over that member told who is behind it; undefined when it did not. */
  answered(member: Member, name: string | undefined): void {
    if (member.backend.kind !== 'unknown') return;
    const twins = name === undefined ? [] : [...this.#members].filter((other) => isNamed(other, name));
    member.backend = name === undefined ? { kind: 'nameless' } : { kind: 'named', name };
    if (twins.length === 0) this.#fruitless = 0;
    else this.#noteFruitless();
    if (twins.some((twin) => this.#room(twin) > 0)) member.connection.drain();
    this.#draw();
  }

  /** Its members take no more streams and close when their last has ended. */
  retire(): void {
    this.#isRetired = true;
    for (const { connection } of [...this.#members]) connection.drain();
  }

  #place(waiter: Waiter): void {
    const member = this.#find(waiter);
    if (member) waiter.take(member);
    else {
      this.#waiters.add(waiter);
      this.#dialForWaiters();
    }
    this.#draw();
  }

  #find({ excludes }: Seeker): Member | undefined {
    const usable = [...this.#members].filter((member) => !excludes(member));
    const load = loadByBackend(this.#members);
    const views = usable.map((member) => ({
      outstanding: load.get(backendKey(member)) ?? 0,
      room: this.#room(member),
      lastUsed: member.lastUsed,
    }));
    const index = choose(views, { spread: this.#init.backendLimit });
    return index === undefined ? undefined : usable[index];
  }

  /** Before its SETTINGS a connection is credited with what its predecessors allowed, not with more. */
  #room({ connection }: Member): number {
    if (connection.settled) return connection.availableStreams;
    return Math.min(connection.availableStreams, Math.max(0, this.#streamsEach - connection.activeStreams));
  }

  #dialForWaiters(): void {
    while (this.#waiters.size > (this.#needed + this.#drawing) * this.#streamsEach) {
      try {
        this.#init.permits.acquire();
      } catch (fault) {
        // Those being dialled will do for some; nobody is left to wait for nothing.
        const served = (this.#needed + this.#drawing) * this.#streamsEach;
        for (const waiter of [...this.#waiters].slice(served)) waiter.fail(fault);
        return;
      }
      this.#needed += 1;
      void this.#dial(() => {
        this.#needed -= 1;
      }).catch((fault: unknown) => {
        for (const waiter of [...this.#waiters].slice(0, this.#streamsEach)) waiter.fail(fault);
        this.#dialForWaiters();
        this.#reportIfEmpty();
      });
    }
  }

  /** Dials that reach further backends, as long as somebody uses the group and they are worth it. */
  #draw(): void {
    const { clock, permits, backendLimit } = this.#init;
    if (backendLimit === 1 || this.#isRetired || this.#members.size === 0) return;
    while (
      this.#drawing < PARALLEL_DRAWS &&
      backendsMissing(this.#coverage()) > this.#needed + this.#drawing &&
      clock.monotonic() >= this.#drawFrom &&
      permits.isFree
    ) {
      void this.#drawOne().catch(() => {});
    }
  }

  /** Resolves with a new member; rejects when it could not be had, which is then noted. */
  #drawOne(): Promise<void> {
    this.#init.permits.acquire();
    this.#drawing += 1;
    const drawn = this.#dial(() => {
      this.#drawing -= 1;
    });
    drawn.catch(() => {
      this.#drawFrom = this.#init.clock.monotonic() + FAILED_DRAW_PAUSE_MS;
      this.#dialForWaiters();
      this.#reportIfEmpty();
    });
    return drawn;
  }

  async #dial(settled: () => void): Promise<void> {
    const { permits } = this.#init;
    let dialled: Dialled;
    try {
      dialled = await this.#init.dial();
    } catch (error) {
      permits.release();
      settled();
      throw error;
    }
    settled();
    this.#adopt(dialled);
  }

  #adopt({ connection, sequence }: Dialled): void {
    const { clock, random, permits } = this.#init;
    const now = clock.monotonic();
    const member: Member = {
      connection,
      sequence,
      openedAt: now,
      jitter: random(),
      backend: { kind: 'unknown' },
      lastUsed: 0,
      idleSince: now,
      cancelIdle: () => {},
      cancelAge: () => {},
    };
    this.#members.add(member);
    connection.onChange = () => this.#review(member);
    void connection.closed.then(() => {
      permits.release();
      this.#leave(member);
    });
    this.#armAge(member);
    this.#review(member);
    if (this.#isRetired && this.#waiters.size === 0) connection.drain();
    this.#draw();
  }

  /** After any change of a connection: learn, let go, start the clock of its idleness, serve who waits. */
  #review(member: Member): void {
    const { connection } = member;
    const { clock, idleMs } = this.#init;
    member.cancelIdle();
    if (connection.draining) {
      this.#leave(member);
      return;
    }
    if (connection.settled) this.#streamsEach = Math.max(1, connection.availableStreams + connection.activeStreams);
    if (connection.activeStreams === 0) {
      member.idleSince = clock.monotonic();
      member.cancelIdle = clock.schedule(idleMs, () => connection.drain());
    }
    if (this.#waiters.size > 0) this.#serve();
  }

  #serve(): void {
    for (const waiter of [...this.#waiters]) {
      const member = this.#find(waiter);
      if (member) waiter.take(member);
    }
    this.#dialForWaiters();
  }

  /** It takes no more streams. Its connection may run on for those it has. */
  #leave(member: Member): void {
    member.cancelIdle();
    member.cancelAge();
    this.#members.delete(member);
    this.#reportIfEmpty();
  }

  #armAge(member: Member): void {
    const { clock, ageMs } = this.#init;
    if (ageMs === Number.POSITIVE_INFINITY || !this.#members.has(member)) return;
    member.cancelAge = clock.schedule(lifeOf(member, ageMs), () => void this.#replace(member));
  }

  /** First another, then away with the old one. A group nobody uses is left to the clock of idleness. */
  async #replace(member: Member): Promise<void> {
    const { clock, ageMs, permits } = this.#init;
    const now = clock.monotonic();
    const isUsed = now - this.#usedAt < ageMs;
    const isYoung = now - member.openedAt < ageMs * COVERED_LIVES;
    if (!isUsed || !permits.isFree || (isYoung && isCovered(this.#coverage()))) return this.#armAge(member);
    try {
      await this.#drawOne();
    } catch {
      return this.#armAge(member);
    }
    member.connection.drain();
    this.#draw();
  }

  #noteFruitless(): void {
    const { clock, ageMs } = this.#init;
    this.#fruitless += 1;
    const pauseMs = drawPauseMs(this.#fruitless, backendsWanted(this.#coverage()), ageMs);
    this.#drawFrom = Math.max(this.#drawFrom, clock.monotonic() + pauseMs);
  }

  #coverage(): Coverage {
    return {
      backends: [...this.#members].map(({ backend }) => backend),
      capacity: this.#capacity,
      limit: this.#init.backendLimit,
    };
  }

  #reportIfEmpty(): void {
    if (this.#members.size + this.#needed + this.#drawing + this.#waiters.size === 0) this.#init.onEmpty();
  }
}

function isNamed({ backend }: Member, name: string): boolean {
  return backend.kind === 'named' && backend.name === name;
}

/** A backend with two connections is not to get twice the load. */
function loadByBackend(members: Iterable<Member>): ReadonlyMap<string | Member, number> {
  const load = new Map<string | Member, number>();
  for (const member of members) {
    const key = backendKey(member);
    load.set(key, (load.get(key) ?? 0) + member.connection.activeStreams);
  }
  return load;
}

function backendKey(member: Member): string | Member {
  return member.backend.kind === 'named' ? member.backend.name : member;
}
