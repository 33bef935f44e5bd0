/**
 * Policies that name what they bind to (`targetRefs`). A Gateway that is a waypoint enforces them on the tunnels it ends: they
 * bind to its pods. Whatever else is named (a Service behind a waypoint, a class of gateways) needs layer 7 or other
 * gateways, and is told.
 */
import type { KubeObject } from '../../sources/index.js';
import type { NamespaceContext } from '../context.js';
import { LABEL } from '../labels.js';
import { isWaypoint } from '../waypoints.js';
import { isEnforced, type Selector, targetsOf } from './mesh.js';

type Policy = KubeObject<'AuthorizationPolicy'>;
type Target = Policy['spec']['targetRefs'][number];

const GATEWAY_GROUP = 'gateway.networking.k8s.io';

/** Targets that enforce the policy; a reference reaches no further than its own namespace. */
export function waypointsNamedBy(context: NamespaceContext, policy: Policy): readonly Target[] {
  return targetsOf(policy).filter(
    ({ group, kind, name }) =>
      group === GATEWAY_GROUP &&
      kind === 'Gateway' &&
      isWaypoint(context.gateways.gateway(policy.metadata.namespace, name)),
  );
}

/** A waypoint's pods bear its name as a label, so a reference to it selects them. */
export function targetSelectors(context: NamespaceContext): readonly Selector[] {
  return context.objects.AuthorizationPolicy.filter(isEnforced).flatMap((policy) =>
    waypointsNamedBy(context, policy).map(({ name }) => ({
      key: `${policy.metadata.namespace}/${policy.metadata.name}`,
      matchLabels: { [LABEL.gatewayName]: name },
    })),
  );
}
