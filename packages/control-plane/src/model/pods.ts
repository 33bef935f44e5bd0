/** Pods to workloads. Ended pods and pods without an address are left out. */
import type { Workload } from '@isthmus/sdk/discovery';
import { canonicalIp } from '@isthmus/sdk/wire';
import type { KubeObject } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import { canonicalOf, controllerOf } from './controller.js';
import { LABEL, NATIVE_GATEWAY_MANAGERS } from './labels.js';
import type { MembershipIndex } from './memberships.js';
import type { PolicyIndex } from './policies/index.js';
import { hasEnded, isReady } from './readiness.js';
import type { WaypointIndex } from './waypoints.js';
import { declaredTunnel, localityOf, plainWorkload, uid } from './workload.js';

export interface WorkloadIndexes {
  readonly waypoints: WaypointIndex;
  readonly memberships: MembershipIndex;
  readonly policies: PolicyIndex;
}

export function derivePods(context: NamespaceContext, indexes: WorkloadIndexes): readonly Workload[] {
  return context.objects.Pod.filter((pod) => !hasEnded(pod) && addressesOf(pod).length > 0).map((pod) => {
    const { name, namespace, labels } = pod.metadata;
    const { nodeName, serviceAccountName, hostNetwork } = pod.spec;
    const controller = controllerOf(pod.metadata);
    const waypoint = indexes.waypoints.forWorkload(pod);
    return {
      ...plainWorkload(context, { uid: uid.pod(context.id, namespace, name), name, namespace }),
      addresses: addressesOf(pod),
      network: labels[LABEL.network] ?? context.network,
      serviceAccount: serviceAccountName,
      node: nodeName,
      ...controller,
      ...canonicalOf(labels, controller.workloadName),
      locality: localityOf(context.nodeLabels(nodeName), labels),
      ...tunnelOf(context, pod),
      networkMode: hostNetwork ? 'host' : 'standard',
      healthy: isReady(pod),
      ...(waypoint && { waypoint }),
      authorizationPolicies: indexes.policies.bindingTo(labels),
      services: indexes.memberships.ofPod(pod),
    };
  });
}

function addressesOf({ status }: KubeObject<'Pod'>): readonly string[] {
  const listed = status.podIPs.length > 0 ? status.podIPs.map(({ ip }) => ip) : [status.podIP ?? ''];
  return listed.flatMap((text) => canonicalIp(text) ?? []);
}

/**
 * Gateways and waypoints terminate HBONE themselves. Otherwise what the CNI plugin wrote on the pod counts, and for
 * objects that no CNI plugin saw, the mode of the namespace; pods on the host's network are never captured.
 */
function tunnelOf(
  context: NamespaceContext,
  pod: KubeObject<'Pod'>,
): Pick<Workload, 'tunnelProtocol' | 'nativeTunnel'> {
  const { labels } = pod.metadata;
  const isGateway =
    context.gateways.gatewayOf(pod) !== undefined || NATIVE_GATEWAY_MANAGERS.has(labels[LABEL.gatewayManaged] ?? '');
  if (isGateway) return { tunnelProtocol: 'hbone', nativeTunnel: true };
  const declared = declaredTunnel(pod.metadata);
  if (declared) return declared;
  const mode = labels[LABEL.dataplaneMode] ?? context.namespaceLabels[LABEL.dataplaneMode];
  const isCaptured = mode === 'ambient' && !pod.spec.hostNetwork;
  return { tunnelProtocol: isCaptured ? 'hbone' : 'none', nativeTunnel: false };
}
