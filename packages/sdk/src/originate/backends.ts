/** How many may serve behind a gateway, as far as the plan tells. */
import type { NestedPlan } from '../routing/index.js';

/**
 * The registry divides the capacity of a network among its gateways, so that each gets its share of connections; through
 * any of them all of it can be reached. So the shares of those that the plan names are added up again.
 */
export function backendsBehind({
  destination,
  alternatives,
}: Pick<NestedPlan, 'destination' | 'alternatives'>): number {
  const shares = new Map([[destination.uid, destination.capacity]]);
  for (const way of alternatives) {
    if (way.kind !== 'nested' || way.destination.network !== destination.network) continue;
    shares.set(way.destination.uid, way.destination.capacity);
  }
  return [...shares.values()].reduce((sum, capacity) => sum + capacity, 0);
}
