/**
 * Names of single pods: `<pod>.<service>.<namespace>.svc.<domain>`, which Kubernetes gives to the pods of headless
 * Services (those of a StatefulSet above all). Read as ztunnel's DNS proxy reads them (ztunnel 1918): a member of that
 * name, of a service without an address on the own network, in the own cluster before others. The name means the pod and
 * not its service, so the port is the pod's own and of waypoints the pod's counts.
 *
 * Pods of other networks are not known one by one; there the control plane gives such a pod a service of its own.
 * Costs a look at every member of the service. Health is not asked about, as with an address that was resolved before.
 */
import type { Snapshot, Workload } from '../discovery/model.js';
import { serviceByHostname, vipOn } from './lookup.js';
import { CLUSTER_DOMAIN } from './search-names.js';

export interface PodName {
  readonly pod: string;
  readonly namespace: string;
  /** Hostname of the headless service. */
  readonly service: string;
}

/** Undefined when it is no full name of a pod. */
export function readPodName(hostname: string, clusterDomain: string = CLUSTER_DOMAIN): PodName | undefined {
  const suffix = `.svc.${clusterDomain}`;
  if (!hostname.endsWith(suffix)) return undefined;
  const [pod = '', service = '', namespace = '', ...more] = hostname.slice(0, -suffix.length).split('.');
  if (pod === '' || service === '' || namespace === '' || more.length > 0) return undefined;
  return { pod, namespace, service: `${service}.${namespace}${suffix}` };
}

export function podByName(
  snapshot: Snapshot,
  hostname: string,
  { source, network }: { readonly source: Workload; readonly network: string },
): Workload | undefined {
  const name = readPodName(hostname);
  const service = name && serviceByHostname(snapshot, name.service, source.namespace);
  if (!service || vipOn(service, network) !== undefined) return undefined;
  const near = snapshot
    .endpoints(service.key)
    .filter((workload) => workload.name === name?.pod && workload.network === network);
  return near.find(({ clusterId }) => clusterId === source.clusterId) ?? near[0];
}
