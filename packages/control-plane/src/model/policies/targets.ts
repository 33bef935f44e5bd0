/**
 * Policies that name what they bind to (`targetRefs`). What they name in Istio is enforced by a waypoint, so ztunnels are sent
 * none of them there. Here waypoints read policies of layer 4 as ztunnels do, hence
 *
 *   Gateway of class istio-waypoint     binds to the waypoint's pods, which enforce it on the tunnels they end
 *   GatewayClass istio-waypoint         in the root namespace, as Istio wants it: binds to the pods of all waypoints
 *   Service, ServiceEntry               one service behind a waypoint, which only layer 7 tells from others: left out
 *   anything else                       nobody who enforces it: left out
 *
 * and what is left out is told, once for each policy, with what to write instead.
 */
import type { KubeObject } from '../../sources/index.js';
import type { NamespaceContext } from '../context.js';
import { GATEWAY_CLASS, LABEL, ROOT_NAMESPACE } from '../labels.js';
import { isWaypoint } from '../waypoints.js';
import { GATEWAY_GROUP, isEnforced, isWaypointClass, keyOf, type Selector, type Target, targetsOf } from './mesh.js';

type Policy = KubeObject<'AuthorizationPolicy'>;

const SERVICE_KINDS: ReadonlySet<string> = new Set(['Service', 'ServiceEntry']);

/** A waypoint's pods bear its name as a label, so a reference to it selects them; it reaches no further than its namespace. */
export function targetSelectors(context: NamespaceContext): readonly Selector[] {
  return context.objects.AuthorizationPolicy.filter(isEnforced).flatMap((policy) =>
    targetsOf(policy)
      .filter((target) => isOwnWaypoint(context, target))
      .map(({ name }) => ({ key: keyOf(policy), matchLabels: { [LABEL.gatewayName]: name } })),
  );
}

/** Whether anybody enforces the policy where it says; of what is left out there is one warning. */
export function isEnforcedAtTargets(context: NamespaceContext, policy: Policy): boolean {
  const targets = targetsOf(policy);
  const others = targets.filter((target) => !isOwnWaypoint(context, target) && !isWaypointClass(policy, target));
  if (others.length > 0) context.warn(policy, 'spec.targetRefs', warningOf(policy, others));
  return others.length < targets.length;
}

function warningOf(policy: Policy, others: readonly Target[]): string {
  const reasons = others.map((target) => `${target.kind} ${target.name} ${obstacleAt(policy, target)}`);
  return `AuthorizationPolicy ${keyOf(policy)} is not enforced at ${reasons.join(', nor at ')}`;
}

function obstacleAt({ metadata }: Policy, { group, kind, name }: Target): string {
  if (SERVICE_KINDS.has(kind)) {
    return '(layer 4 cannot tell one service behind a waypoint from the others; name the waypoint, kind Gateway, or select the pods)';
  }
  if (kind === 'GatewayClass' && name === GATEWAY_CLASS.waypoint) {
    return `(a class is only named in the namespace ${ROOT_NAMESPACE}; move the policy there, or name the waypoints of ${metadata.namespace})`;
  }
  if (kind !== 'Gateway' && kind !== 'GatewayClass') {
    return '(policies bind to Gateways and GatewayClasses; name the waypoint, or use spec.selector)';
  }
  if (group !== GATEWAY_GROUP) return `(its group has to be ${GATEWAY_GROUP})`;
  return kind === 'Gateway'
    ? `(no Gateway of class ${GATEWAY_CLASS.waypoint} of the namespace ${metadata.namespace} has that name; correct it, or select the pods)`
    : `(only ${GATEWAY_CLASS.waypoint} enforces policies here)`;
}

function isOwnWaypoint({ gateways, namespace }: NamespaceContext, { group, kind, name }: Target): boolean {
  return group === GATEWAY_GROUP && kind === 'Gateway' && isWaypoint(gateways.gateway(namespace, name));
}
