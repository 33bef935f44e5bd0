/**
 * Which connection a request takes, and when another is opened. Pure; `upstream-pool.ts` does it. The choice among open
 * connections and their age are the same decision as for tunnels, and made where that is made (`@isthmus/sdk/hbone`).
 */
import { type ConnectionView, choose, lifeOf } from '@isthmus/sdk/hbone';

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

export interface AgedView {
  readonly outstanding: number;
  readonly openedAt: number;
  readonly idleSince: number;
  /** See `lifeOf`. */
  readonly jitter: number;
}

/** Old ones leave in the last tenth before their age, idle ones when nobody has used them for `idleMs`. */
export function isExpired(
  view: AgedView,
  now: number,
  bounds: { readonly ageMs: number; readonly idleMs: number },
): boolean {
  if (now - view.openedAt >= lifeOf(view, bounds.ageMs)) return true;
  return view.outstanding === 0 && now - view.idleSince >= bounds.idleMs;
}
