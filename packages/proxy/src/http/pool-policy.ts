/**
 * Which connection a request takes, and when another is opened. Pure; `upstream-pool.ts` does it.
 *
 * To an endpoint of the own network every connection is as good as another: few are opened and the warmest is used. To a
 * remote network each connection leads to one backend, chosen by the gateway there, so several are kept and the request
 * goes where the least is outstanding, the longest unused first. That keeps one client from being served by one backend
 * for as long as its connection lasts (istio/istio#58039).
 */

export interface ConnectionView {
  readonly outstanding: number;
  readonly room: number;
  /** Grows with each use of any connection; 0 for one never used. */
  readonly lastUsed: number;
}

export interface BucketView {
  readonly connections: readonly ConnectionView[];
  /** Connections being opened. */
  readonly opening: number;
  /** Requests that wait already. */
  readonly waiting: number;
}

export interface PoolRules {
  /** Connections to keep even when fewer would do; 1 unless they lead to different backends. */
  readonly spread: number;
  readonly maxConnections: number;
  readonly maxWaiting: number;
  /** Requests a new connection is expected to take at once. */
  readonly perConnection: number;
}

export type PoolStep =
  | { readonly kind: 'use'; readonly index: number; readonly alsoOpen: boolean }
  | { readonly kind: 'wait'; readonly alsoOpen: boolean }
  | { readonly kind: 'overflow' };

/** What to do with one more request. */
export function nextStep(bucket: BucketView, rules: PoolRules): PoolStep {
  const existing = bucket.connections.length + bucket.opening;
  const index = choose(bucket.connections, rules);
  if (index !== undefined) return { kind: 'use', index, alsoOpen: existing < rules.spread };
  if (bucket.waiting >= rules.maxWaiting) return { kind: 'overflow' };
  const short = bucket.waiting >= bucket.opening * rules.perConnection;
  return { kind: 'wait', alsoOpen: short && existing < rules.maxConnections };
}

/** The index of the connection to use, when one has room. */
export function choose(connections: readonly ConnectionView[], rules: Pick<PoolRules, 'spread'>): number | undefined {
  let best: number | undefined;
  for (const [index, candidate] of connections.entries()) {
    if (candidate.room <= 0) continue;
    const present = best === undefined ? undefined : connections[best];
    if (present === undefined || isBetter(candidate, present, rules.spread)) best = index;
  }
  return best;
}

function isBetter(a: ConnectionView, b: ConnectionView, spread: number): boolean {
  if (a.outstanding !== b.outstanding) return a.outstanding < b.outstanding;
  return spread > 1 ? a.lastUsed < b.lastUsed : a.lastUsed > b.lastUsed;
}

export interface AgedView {
  readonly outstanding: number;
  readonly openedAt: number;
  readonly idleSince: number;
  /** In [0, 1), drawn once per connection, so that those opened together do not leave together. */
  readonly jitter: number;
}

/** Old ones leave in the last tenth before their age, idle ones when nobody has used them for `idleMs`. */
export function isExpired(
  view: AgedView,
  now: number,
  bounds: { readonly ageMs: number; readonly idleMs: number },
): boolean {
  if (now - view.openedAt >= bounds.ageMs * (1 - view.jitter / 10)) return true;
  return view.outstanding === 0 && now - view.idleSince >= bounds.idleMs;
}
