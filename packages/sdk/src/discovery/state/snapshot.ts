/** Reading: the `Snapshot` over a set of indexes. Semantics of collisions are ztunnel's. */
import { parseIp } from '../../wire/ip.js';
import type { Authorization, PolicySelection, Service, Snapshot, Workload } from '../model.js';
import {
  addressKey,
  blockKey,
  familyKey,
  GLOBAL_POLICIES,
  hostnameKey,
  type Indexes,
  type Members,
  namespacePolicies,
} from './indexes.js';

const NONE: readonly never[] = [];

export function createSnapshot(version: number, indexes: Indexes): Snapshot {
  return {
    version,
    workload: (uid) => indexes.workloads.get(uid),
    workloadsByAddress: (network, ip) => byRank(indexes.workloadsByAddress.get(addressKey(network, ip)) ?? NONE),
    workloadByHostname: (namespace, hostname) => indexes.workloadsByHostname.get(hostnameKey(namespace, hostname))?.[0],
    service: (key) => indexes.services.get(key),
    servicesByHostname: (hostname) => indexes.servicesByHostname.get(hostname) ?? NONE,
    servicesByAddress: (network, ip) =>
      indexes.servicesByAddress.get(addressKey(network, ip)) ?? servicesAround(indexes, network, ip),
    servicesAround: (network, ip) => servicesAround(indexes, network, ip),
    networkGateways: (network) => indexes.networkGateways.get(network) ?? NONE,
    endpoints: (serviceKey) => membersOf(indexes.members.get(serviceKey)),
    policiesFor: (workload) => policiesFor(indexes, workload),
    workloads: () => indexes.workloads.values(),
    services: () => indexes.services.values(),
    policies: () => indexes.policies.values(),
  };
}

/** Best first: a pod that speaks HBONE, any pod, anything that speaks HBONE, the rest; among equals the first seen. */
function byRank(workloads: readonly Workload[]): readonly Workload[] {
  return workloads.length < 2 ? workloads : [...workloads].sort((a, b) => rank(b) - rank(a));
}

function rank({ uid, tunnelProtocol }: Workload): number {
  return (uid.includes('//Pod/') ? 2 : 0) + (tunnelProtocol === 'hbone' ? 1 : 0);
}

/** Most specific block first. */
function servicesAround(indexes: Indexes, network: string, ip: string): readonly Service[] {
  const bytes = parseIp(ip);
  const lengths = bytes && indexes.prefixLengths.get(familyKey(network, bytes));
  if (!lengths) return NONE;
  const found = lengths.flatMap(({ length }) => indexes.servicesByBlock.get(blockKey(network, bytes, length)) ?? NONE);
  // One service may have a block inside another of its own.
  return [...new Set(found)];
}

function membersOf(members: Members | undefined): readonly Workload[] {
  if (!members) return NONE;
  members.list ??= [...members.byUid.values()];
  return members.list;
}

function policiesFor(indexes: Indexes, workload: Workload): PolicySelection {
  const scoped = [
    ...(indexes.policiesByScope.get(namespacePolicies(workload.namespace)) ?? NONE),
    ...(indexes.policiesByScope.get(GLOBAL_POLICIES) ?? NONE),
  ];
  if (workload.authorizationPolicies.length === 0) return { policies: scoped, missing: NONE };
  const selected = new Set<Authorization>(scoped);
  const missing: string[] = [];
  for (const key of workload.authorizationPolicies) {
    const policy = indexes.policies.get(key);
    if (policy) selected.add(policy);
    else missing.push(key);
  }
  return { policies: [...selected], missing };
}
