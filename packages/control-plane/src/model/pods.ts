/** Pods to workloads. Ended pods and pods without an address are left out. */
import type { Workload } from '@isthmus/sdk/discovery';
import { canonicalIp } from '@isthmus/sdk/wire';
import type { KubeObject } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import { canonicalOf, controllerOf } from './controller.js';
import { GATEWAY_CLASS, isIngress, LABEL, NATIVE_GATEWAY_MANAGERS } from './labels.js';
import type { MembershipIndex } from './memberships.js';
import type { PolicyIndex } from './policies/index.js';
import { hasEnded, isReady } from './readiness.js';
import { isWaypoint, type WaypointIndex } from './waypoints.js';
import { declaredTunnel, localityOf, uid } from './workload.js';

export interface WorkloadIndexes {
  readonly waypoints: WaypointIndex;
  readonly memberships: MembershipIndex;
  readonly policies: PolicyIndex;
}

/** What was derived of a pod before; for a caller who knows that nothing but pods has changed. */
export type KnownPods = ReadonlyMap<KubeObject<'Pod'>, Workload>;

export function derivePods(
  context: NamespaceContext,
  indexes: WorkloadIndexes,
  known?: KnownPods,
): readonly Workload[] {
  return context.objects.Pod.flatMap((pod) => {
    const before = known?.get(pod);
    if (before) return [before];
    const addresses = hasEnded(pod) ? [] : addressesOf(pod);
    return addresses.length > 0 ? [derivePod(context, indexes, pod, addresses)] : [];
  });
}

/** Every field is written out, for the reason that `plainWorkload` gives. */
function derivePod(
  context: NamespaceContext,
  { waypoints, policies, memberships }: WorkloadIndexes,
  pod: KubeObject<'Pod'>,
  addresses: readonly string[],
): Workload {
  const { name, namespace, labels } = pod.metadata;
  const { nodeName, serviceAccountName, hostNetwork } = pod.spec;
  const { workloadName, workloadType } = controllerOf(pod.metadata);
  const { canonicalName, canonicalRevision } = canonicalOf(labels, workloadName);
  const { tunnelProtocol, nativeTunnel } = tunnelOf(context, pod);
  const waypoint = waypoints.forWorkload(pod);
  const workload: Workload = {
    uid: uid.pod(context.id, namespace, name),
    name,
    namespace,
    addresses,
    hostname: '',
    network: labels[LABEL.network] ?? context.network,
    clusterId: context.id,
    trustDomain: context.trustDomain,
    serviceAccount: serviceAccountName,
    node: nodeName,
    canonicalName,
    canonicalRevision,
    workloadName,
    workloadType,
    locality: localityOf(context.nodeLabels(nodeName), labels),
    tunnelProtocol,
    nativeTunnel,
    networkMode: hostNetwork ? 'host' : 'standard',
    healthy: isReady(pod),
    capacity: 1,
    authorizationPolicies: policies.bindingTo(labels, isWaypoint(context.gateways.gatewayOf(pod))),
    services: memberships.ofPod(pod),
  };
  return waypoint ? { ...workload, waypoint } : workload;
}

/** Uids of the pods that are ingress gateways. */
export function ingressPodsOf(context: NamespaceContext): readonly string[] {
  return context.objects.Pod.filter(
    (pod) =>
      isIngress(pod.metadata.labels) ||
      context.gateways.gatewayOf(pod)?.spec.gatewayClassName === GATEWAY_CLASS.ingress,
  ).map(({ metadata: { namespace, name } }) => uid.pod(context.id, namespace, name));
}

/** Every pod of the namespace that has a workload, with it. */
export function knownPods(
  clusterId: string,
  pods: readonly KubeObject<'Pod'>[],
  workloads: ReadonlyMap<string, Workload>,
): KnownPods {
  return new Map(
    pods.flatMap((pod): [KubeObject<'Pod'>, Workload][] => {
      const workload = workloads.get(uid.pod(clusterId, pod.metadata.namespace, pod.metadata.name));
      return workload ? [[pod, workload]] : [];
    }),
  );
}

function addressesOf({ status }: KubeObject<'Pod'>): readonly string[] {
  const listed = status.podIPs.length > 0 ? status.podIPs.map(({ ip }) => ip) : [status.podIP ?? ''];
  return listed.flatMap((text) => canonicalIp(text) ?? []);
}

/**
 * East-west gateways and waypoints terminate HBONE themselves, ingress gateways do not. Otherwise what the CNI plugin wrote on the pod counts, and for
 * objects that no CNI plugin saw, the mode of the namespace; pods on the host's network are never captured.
 */
function tunnelOf(
  context: NamespaceContext,
  pod: KubeObject<'Pod'>,
): Pick<Workload, 'tunnelProtocol' | 'nativeTunnel'> {
  const { labels } = pod.metadata;
  const { gatewayClassName } = context.gateways.gatewayOf(pod)?.spec ?? {};
  const isNative =
    gatewayClassName === GATEWAY_CLASS.waypoint ||
    gatewayClassName === GATEWAY_CLASS.eastWest ||
    NATIVE_GATEWAY_MANAGERS.has(labels[LABEL.gatewayManaged] ?? '');
  if (isNative) return { tunnelProtocol: 'hbone', nativeTunnel: true };
  const declared = declaredTunnel(pod.metadata);
  if (declared) return declared;
  const mode = labels[LABEL.dataplaneMode] ?? context.namespaceLabels[LABEL.dataplaneMode];
  const isCaptured = mode === 'ambient' && !pod.spec.hostNetwork;
  return { tunnelProtocol: isCaptured ? 'hbone' : 'none', nativeTunnel: false };
}
