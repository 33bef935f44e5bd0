/** The members of services, indexed once per namespace of a cluster. */
import type { Workload } from '@isthmus/sdk/discovery';
import { formatSpiffeId } from '@isthmus/sdk/wire';
import type { ClusterModel, NamespaceModel } from '../model/index.js';

/** By the workloads, which often stay when all else of their namespace changes. */
const indexes = new WeakMap<NamespaceModel['workloads'], ReadonlyMap<string, readonly Workload[]>>();

/** `serviceKey` is `namespace/hostname`; members are workloads of that namespace. */
export function endpointsOf(cluster: ClusterModel, serviceKey: string): readonly Workload[] {
  const namespace = cluster.namespaces.get(serviceKey.slice(0, serviceKey.indexOf('/')));
  if (!namespace) return [];
  let index = indexes.get(namespace.workloads);
  if (!index) {
    index = buildIndex(namespace);
    indexes.set(namespace.workloads, index);
  }
  return index.get(serviceKey) ?? [];
}

function buildIndex({ workloads }: NamespaceModel): ReadonlyMap<string, readonly Workload[]> {
  const index = new Map<string, Workload[]>();
  for (const workload of workloads.values()) {
    for (const key of workload.services.keys()) {
      const members = index.get(key);
      if (members) members.push(workload);
      else index.set(key, [workload]);
    }
  }
  return index;
}

/** What the workload's certificate says; undefined for workloads without an account, which have none. */
export function identityOf({ trustDomain, namespace, serviceAccount }: Workload): string | undefined {
  return serviceAccount === '' ? undefined : formatSpiffeId({ trustDomain, namespace, serviceAccount });
}

/** Of a service's members in one cluster, sorted. */
export function identitiesOf(cluster: ClusterModel, serviceKey: string): readonly string[] {
  const identities = endpointsOf(cluster, serviceKey).flatMap((workload) => identityOf(workload) ?? []);
  return [...new Set(identities)].sort();
}
