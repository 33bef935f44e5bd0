/**
 * What a pool decides, apart from doing it: which of several connections a stream or request takes, when one is too old,
 * how many are worth having so that their load reaches every backend behind a gateway. Pure; `pool-group.ts` does it for
 * tunnels, the waypoint's pool for HTTP.
 *
 * To one address every connection is as good as another: few are opened and the warmest is used. Through the gateway of
 * another network each connection leads to one backend, chosen there once, so several are kept and the next stream goes
 * where the least is outstanding, the longest unused first. That keeps one client from being served by one backend for as
 * long as a connection lasts (istio/istio#58039).
 */

export interface ConnectionView {
  readonly outstanding: number;
  readonly room: number;
  /** Grows with each use of any connection; 0 for one never used. */
  readonly lastUsed: number;
  /** Readers that stopped hold its window: what is opened on it may have to wait for them. */
  readonly isHeld?: boolean;
}

/** The index of the connection to use, when one has room; one that is held only when there is no other. `spread` is how many are kept; 1 when all lead to one place. */
export function choose(
  connections: readonly ConnectionView[],
  { spread }: { readonly spread: number },
): number | undefined {
  let best: number | undefined;
  for (const [index, candidate] of connections.entries()) {
    if (candidate.room <= 0) continue;
    const present = best === undefined ? undefined : connections[best];
    if (present === undefined || isBetter(candidate, present, spread)) best = index;
  }
  return best;
}

function isBetter(a: ConnectionView, b: ConnectionView, spread: number): boolean {
  if ((a.isHeld ?? false) !== (b.isHeld ?? false)) return !a.isHeld;
  if (a.outstanding !== b.outstanding) return a.outstanding < b.outstanding;
  return spread > 1 ? a.lastUsed < b.lastUsed : a.lastUsed > b.lastUsed;
}

/**
 * A window that is used up is ordinary under load, and grows within a round trip. One that has not for this long waits for
 * readers that stopped.
 */
const HELD_MS = 1_000;

/** Both in monotonic milliseconds. */
export function isHeld(heldSince: number | undefined, now: number): boolean {
  return heldSince !== undefined && now - heldSince >= HELD_MS;
}

/**
 * How long a connection is used, in milliseconds. They leave in the last tenth before their age; `jitter`, in [0, 1), is
 * drawn once for each, so that those opened together do not leave together.
 */
export function lifeOf({ jitter }: { readonly jitter: number }, ageMs: number): number {
  return ageMs * (1 - jitter / 10);
}

/** Dials that `waiting` callers need besides those under way, each of which will serve `streamsEach` of them. */
export function dialsMissing(waiting: number, underWay: number, streamsEach: number): number {
  return Math.max(0, Math.ceil(waiting / streamsEach) - underWay);
}

/** A group that covers every backend keeps its connections this many times longer. */
const COVERED_LIVES = 10;

/** All in monotonic milliseconds. */
export interface AgeFacts {
  readonly openedAt: number;
  /** When somebody last used its group. */
  readonly usedAt: number;
  readonly now: number;
  readonly ageMs: number;
}

/** Whether a connection that has reached its age gives way to another, which may lead to another backend. */
export function shouldReplace({ openedAt, usedAt, now, ageMs }: AgeFacts, coverage: Coverage): boolean {
  const isUsed = now - usedAt < ageMs;
  const isYoung = now - openedAt < ageMs * COVERED_LIVES;
  return isUsed && !(isYoung && isCovered(coverage));
}

/**
 * Who is behind a connection: `unknown` until its first answer, `nameless` when that did not say. Names tell apart, so
 * two connections of one name lead to one backend; about nameless ones nothing is known.
 */
export type Backend =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'nameless' }
  | { readonly kind: 'named'; readonly name: string };

export interface Coverage {
  /** Of the open connections. */
  readonly backends: readonly Backend[];
  /** Backends there are, as far as the registry says. */
  readonly capacity: number;
  /** Backends to hold connections with at most. */
  readonly limit: number;
}

/** Connections worth opening only to reach further backends; those under way are the caller's to subtract. */
export function backendsMissing(coverage: Coverage): number {
  return backendsWanted(coverage) - distinct(coverage.backends);
}

/** Every backend there is has its connection, and is known to: drawing again would find nothing new. */
export function isCovered(coverage: Coverage): boolean {
  const isNamed = coverage.backends.every(({ kind }) => kind === 'named');
  return isNamed && distinct(coverage.backends) >= Math.max(1, coverage.capacity);
}

/**
 * One each where names tell whether two are the same. Nameless ones may all lead to one backend, so twice as many are
 * drawn: fewer backends are left out by chance.
 */
export function backendsWanted({ backends, capacity, limit }: Coverage): number {
  if (capacity <= 1) return 1;
  const draws = backends.some(({ kind }) => kind === 'nameless') ? 2 * capacity : capacity;
  return Math.min(limit, draws);
}

function distinct(backends: readonly Backend[]): number {
  const names = new Set(backends.flatMap((backend) => (backend.kind === 'named' ? [backend.name] : [])));
  return names.size + backends.filter(({ kind }) => kind !== 'named').length;
}

const FIRST_PAUSE_MS = 1_000;

/**
 * How long not to look for further backends after `fruitless` draws in a row led to known ones. The first are free, twice
 * as many as are wanted: a gateway that draws at random needs them. Then from a second, doubling to `capMs`, because the
 * registry may promise more than the gateway reaches.
 */
export function drawPauseMs(fruitless: number, wanted: number, capMs: number): number {
  const beyond = fruitless - 2 * wanted;
  return beyond < 0 ? 0 : Math.min(capMs, FIRST_PAUSE_MS * 2 ** Math.min(beyond, 30));
}
