/**
 * Connections that may stand in for each other, and who waits for one. A waiter always has a dial under way for it or is
 * told that there is none: nothing here waits for a stream to end, though a stream that ends serves a waiter first.
 *
 * Through a gateway the members lead to different backends. Which one is known from the first answer over a member: of
 * two members with the same backend the younger is retired as soon as the older has room, and another is drawn. A member
 * past its age is replaced before it is retired, so that no caller pays for it. A member whose window is held by readers
 * that stopped is used only when no other can be had.
 *
 * This is the driver: what to do is decided in `pool-policy.ts` (how many, how long), `pool-draws.ts` (whether to look for
 * further backends) and `pool-member.ts` (which one). Bounds: the pool's permits; `backendLimit` backends.
 */
import type { Clock } from '../../runtime/clock.js';
import { Draws } from './pool-draws.js';
import { type Arrival, createMember, type Member, pickMember, roomOf } from './pool-member.js';
import { type Coverage, dialsMissing, isHeld, lifeOf, shouldReplace } from './pool-policy.js';
import { type Seeker, type Waiter, Waiters } from './pool-waiters.js';

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
  dial(): Promise<Arrival>;
  onEmpty(): void;
}

export interface Permits {
  /** There is one without taking it from an idle connection. */
  readonly isFree: boolean;
  /** Takes one, from the longest idle connection if need be. Throws a `Fault` when all are in use. */
  acquire(): void;
  release(): void;
}

export class PoolGroup {
  readonly #init: GroupInit;
  readonly #members = new Set<Member>();
  readonly #waiters = new Waiters(() => this.#reportIfEmpty());
  readonly #draws = new Draws();
  /** Dials under way that a waiter needs. */
  #needed = 0;
  /** What the registry says, as of the last caller. */
  #capacity = 1;
  /** Streams one connection of this peer takes: assumed, then as its SETTINGS said. */
  #streamsEach: number;
  #uses = 0;
  #usedAt: number;
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
    const noteAndUse = (member: Member) => {
      this.#uses += 1;
      member.lastUsed = this.#uses;
      return use(member);
    };
    return this.#waiters.admit(seeker, noteAndUse, (waiter) => this.#place(waiter));
  }

  /** The first answer over that member told who is behind it; undefined when it did not. */
  answered(member: Member, name: string | undefined): void {
    if (member.backend.kind !== 'unknown') return;
    const twins = name === undefined ? [] : [...this.#members].filter((other) => isNamed(other, name));
    member.backend = name === undefined ? { kind: 'nameless' } : { kind: 'named', name };
    if (twins.length === 0) this.#draws.ledToNew();
    else this.#draws.ledToKnown(this.#coverage(), this.#init.clock.monotonic(), this.#init.ageMs);
    if (twins.some((twin) => this.#isFree(twin) && roomOf(twin, this.#streamsEach) > 0)) member.connection.drain();
    this.#draw();
  }

  /** Its members take no more streams and close when their last has ended. */
  retire(): void {
    this.#isRetired = true;
    for (const { connection } of [...this.#members]) connection.drain();
  }

  #place(waiter: Waiter): void {
    const { permits } = this.#init;
    const member = permits.isFree && !this.#isRetired ? this.#findFree(waiter) : this.#find(waiter);
    if (member) waiter.take(member);
    else {
      this.#waiters.hold(waiter);
      this.#dialForWaiters();
    }
    this.#draw();
  }

  #find({ excludes }: Seeker): Member | undefined {
    return pickMember(this.#members, {
      excludes,
      streamsEach: this.#streamsEach,
      spread: this.#init.backendLimit,
      now: this.#init.clock.monotonic(),
    });
  }

  /** Undefined rather than one that is held. */
  #findFree(seeker: Seeker): Member | undefined {
    const member = this.#find(seeker);
    return member && this.#isFree(member) ? member : undefined;
  }

  #isFree({ connection }: Member): boolean {
    return !isHeld(connection.heldSince, this.#init.clock.monotonic());
  }

  #dialForWaiters(): void {
    const { permits } = this.#init;
    while (dialsMissing(this.#waiters.size, this.#underWay, this.#streamsEach) > 0) {
      try {
        permits.acquire();
      } catch (fault) {
        // Those being dialled will do for some; nobody is left to wait for nothing.
        this.#waiters.failBeyond(this.#underWay * this.#streamsEach, fault);
        return;
      }
      this.#needed += 1;
      void this.#dial(() => {
        this.#needed -= 1;
      }).catch((fault: unknown) => {
        // Better late than never.
        this.#waiters.serve((seeker) => this.#find(seeker));
        this.#waiters.failFirst(this.#streamsEach, fault);
        this.#dialForWaiters();
        this.#reportIfEmpty();
      });
    }
  }

  /** Dials that reach further backends, as long as they are worth it. */
  #draw(): void {
    const { clock, permits, backendLimit } = this.#init;
    // To one place: there are no backends to count.
    if (backendLimit === 1) return;
    const isDue = () => this.#draws.isDue(this.#coverage(), this.#needed, clock.monotonic());
    while (!this.#isRetired && permits.isFree && isDue()) void this.#drawOne().catch(() => {});
  }

  /** Resolves with a new member; rejects when it could not be had, which is then noted. */
  #drawOne(): Promise<void> {
    this.#init.permits.acquire();
    this.#draws.count += 1;
    const drawn = this.#dial(() => {
      this.#draws.count -= 1;
    });
    drawn.catch(() => {
      this.#draws.failed(this.#init.clock.monotonic());
      this.#dialForWaiters();
      this.#reportIfEmpty();
    });
    return drawn;
  }

  async #dial(settled: () => void): Promise<void> {
    let arrival: Arrival;
    try {
      arrival = await this.#init.dial();
    } catch (error) {
      this.#init.permits.release();
      throw error;
    } finally {
      settled();
    }
    this.#adopt(arrival);
  }

  #adopt(arrival: Arrival): void {
    const { clock, random, permits } = this.#init;
    const { connection } = arrival;
    const member = createMember(arrival, clock.monotonic(), random());
    this.#members.add(member);
    connection.onChange = () => this.#review(member);
    void connection.closed.then(() => {
      permits.release();
      this.#leave(member);
    });
    this.#armAge(member);
    this.#review(member);
    followLastCall(member);
    // A gateway that says goodbye to whatever is opened is not asked for more backends at once.
    if (connection.draining) this.#draws.failed(clock.monotonic());
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
      // A stream that is opened is no change that is told of; its end is, and starts the clock anew.
      member.cancelIdle = clock.schedule(idleMs, () => {
        if (connection.activeStreams === 0) connection.drain();
      });
    }
    if (this.#waiters.size > 0) this.#serve();
  }

  #serve(): void {
    this.#waiters.serve((seeker) => this.#findFree(seeker));
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
    const facts = { openedAt: member.openedAt, usedAt: this.#usedAt, now: clock.monotonic(), ageMs };
    if (!permits.isFree || !shouldReplace(facts, this.#coverage())) return this.#armAge(member);
    try {
      await this.#drawOne();
    } catch {
      return this.#armAge(member);
    }
    member.connection.drain();
    this.#draw();
  }

  get #underWay(): number {
    return this.#needed + this.#draws.count;
  }

  #coverage(): Coverage {
    return {
      backends: [...this.#members].map(({ backend }) => backend),
      capacity: this.#capacity,
      limit: this.#init.backendLimit,
    };
  }

  #reportIfEmpty(): void {
    if (this.#members.size + this.#underWay + this.#waiters.size === 0) this.#init.onEmpty();
  }
}

/**
 * What carries it is about to leave: an idle connection must not keep that, and no further stream is to depend on it. Not
 * before those are served who waited for it: for them it is as good as any.
 */
function followLastCall({ connection, lastCall }: Member): void {
  if (lastCall === undefined) return;
  const onLastCall = () => connection.drain();
  if (lastCall.aborted) onLastCall();
  else lastCall.addEventListener('abort', onLastCall, { once: true });
  void connection.closed.then(() => lastCall.removeEventListener('abort', onLastCall));
}

function isNamed({ backend }: Member, name: string): boolean {
  return backend.kind === 'named' && backend.name === name;
}
