/** Routing preference: how near an endpoint is to whoever asks, by the scopes a service lists, and which that leaves. */
import type { LoadBalancing, RoutingScope, Workload } from '../discovery/model.js';

const SAME: Readonly<Record<RoutingScope, (a: Workload, b: Workload) => boolean>> = {
  region: (a, b) => a.locality.region === b.locality.region,
  zone: (a, b) => a.locality.zone === b.locality.zone,
  subzone: (a, b) => a.locality.subzone === b.locality.subzone,
  node: (a, b) => a.node === b.node,
  cluster: (a, b) => a.clusterId === b.clusterId,
  network: (a, b) => a.network === b.network,
};

/** The endpoints that remain: strict demands every scope, failover keeps the best rank only, the others ignore scopes. */
export function preferred(
  policy: LoadBalancing | undefined,
  source: Workload | undefined,
  endpoints: readonly Workload[],
): ReadonlySet<Workload> {
  if (!policy || !source || (policy.mode !== 'strict' && policy.mode !== 'failover')) return new Set(endpoints);
  const ranks = endpoints.map((endpoint) => ({ endpoint, ...rankOf(policy.routingPreference, source, endpoint) }));
  const best = ranks.reduce((most, { rank }) => Math.max(most, rank), 0);
  const kept = ranks.filter(({ matched, rank }) =>
    policy.mode === 'strict' ? matched === policy.routingPreference.length : rank === best,
  );
  return new Set(kept.map(({ endpoint }) => endpoint));
}

/**
 * Leading scopes that match, up to the first that does not. When the list starts with the network, staying on it outweighs
 * everything else (a bonus of all other scopes), and leaving it does not stop the count: among other networks the nearer
 * one still wins. So for network, region, zone: all 5, network and region 4, network 3, region and zone 2, region 1.
 */
function rankOf(
  scopes: readonly RoutingScope[],
  source: Workload,
  endpoint: Workload,
): { readonly matched: number; readonly rank: number } {
  const networkFirst = scopes[0] === 'network';
  const onNetwork = networkFirst && SAME.network(source, endpoint);
  const counted = networkFirst && !onNetwork ? scopes.slice(1) : scopes;
  const miss = counted.findIndex((scope) => !SAME[scope](source, endpoint));
  const matched = miss < 0 ? counted.length : miss;
  return { matched, rank: matched + (onNetwork ? scopes.length - 1 : 0) };
}
