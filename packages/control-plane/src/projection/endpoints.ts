/** The members of services, indexed once per cluster model. */
import type { Workload } from '@isthmus/sdk/discovery';
import { formatSpiffeId } from '@isthmus/sdk/wire';
import type { ClusterModel } from '../model/index.js';

const indexes = new WeakMap<ClusterModel, ReadonlyMap<string, readonly Workload[]>>();

export function endpointsOf(cluster: ClusterModel, serviceKey: string): readonly Workload[] {
  let index = indexes.get(cluster);
  if (!index) {
    index = buildIndex(cluster);
    indexes.set(cluster, index);
  }
  return index.get(serviceKey) ?? [];
}

function buildIndex({ workloads }: ClusterModel): ReadonlyMap<string, readonly Workload[]> {
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
