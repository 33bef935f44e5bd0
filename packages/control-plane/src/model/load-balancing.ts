/** How a Service asks to be balanced, in istio.workload's terms. Rules and their precedence are istiod's. */
import type { LoadBalancing } from '@isthmus/sdk/discovery';
import type { KubeObject } from '../sources/index.js';
import { ANNOTATION, type Labels } from './labels.js';

type Preference = Pick<LoadBalancing, 'mode' | 'routingPreference'>;

const NEAR_ZONE: Preference = { mode: 'failover', routingPreference: ['network', 'region', 'zone'] };
const NEAR_NODE: Preference = { mode: 'failover', routingPreference: ['network', 'region', 'zone', 'subzone', 'node'] };
/** The value is ours: several clusters on one network are nobody's idea of near in Istio. */
const NEAR_CLUSTER: Preference = { mode: 'failover', routingPreference: ['network', 'cluster', 'region', 'zone'] };
const DISTRIBUTIONS: Readonly<Record<string, Preference>> = {
  PreferClose: NEAR_ZONE,
  PreferSameZone: NEAR_ZONE,
  PreferSameNode: NEAR_NODE,
  PreferSameCluster: NEAR_CLUSTER,
};
const ONLY_NODE: Preference = { mode: 'strict', routingPreference: ['node'] };
const NONE: Preference = { mode: 'standard', routingPreference: [] };

export interface BalancingFacts {
  readonly service: KubeObject<'Service'>;
  readonly namespaceLabels: Labels;
  /** A waypoint is reached in its own cluster, then its own network, as long as one is ready there. */
  readonly isWaypoint: boolean;
}

/** Undefined: plain balancing over healthy endpoints. */
export function deriveLoadBalancing(facts: BalancingFacts): LoadBalancing | undefined {
  const { publishNotReadyAddresses } = facts.service.spec;
  const preference = preferenceOf(facts);
  if (preference === NONE && !publishNotReadyAddresses) return undefined;
  return { ...preference, healthPolicy: publishNotReadyAddresses ? 'allow-all' : 'only-healthy' };
}

function preferenceOf({ service: { spec, metadata }, namespaceLabels, isWaypoint }: BalancingFacts): Preference {
  if (spec.internalTrafficPolicy === 'Local') return ONLY_NODE;
  const asked =
    spec.trafficDistribution ??
    metadata.annotations[ANNOTATION.trafficDistribution] ??
    namespaceLabels[ANNOTATION.trafficDistribution];
  return DISTRIBUTIONS[asked ?? ''] ?? (isWaypoint ? NEAR_CLUSTER : NONE);
}
