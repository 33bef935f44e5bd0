/** A merged service as one viewer sees it. */
import type { NetworkAddress, Service, Workload } from '@isthmus/sdk/discovery';
import { addressText, waypointKey } from '../model/index.js';
import type { VipBlock } from '../vip-blocks.js';
import { liesWithin } from './blocks.js';
import { endpointsOf, identitiesOf, identityOf } from './endpoints.js';
import type { MergedService, Part } from './merge.js';

/** Whose eyes a service is seen with. */
export interface Viewpoint {
  readonly cluster: string;
  readonly network: string;
  /** Addresses of that network that mean different services in different clusters. */
  readonly contested: ReadonlySet<string>;
  /** Blocks out of which addresses are given here. */
  readonly reserved: readonly VipBlock[];
}

export interface ServiceView {
  readonly merged: MergedService;
  readonly viewer: Viewpoint;
  /** Whose members' identities may be met: the parts of the service as proxies next to workloads see it. */
  readonly identities: readonly Part[];
}

export function projectService({ merged, viewer, identities }: ServiceView): Service {
  const { key, base, parts } = merged;
  const { name, namespace, hostname, ports, loadBalancing, ipFamilies, canonical, ingressUseWaypoint, waypoint } = base;
  return {
    key,
    name,
    namespace,
    hostname,
    addresses: unionOfAddresses(viewer, parts),
    ports,
    subjectAltNames: namesOf(base.isWaypoint ? 'all' : 'elsewhere', viewer.network, identities),
    ...(waypoint && { waypoint }),
    ...(loadBalancing && { loadBalancing }),
    // What its cluster allows says nothing of a network that it is not on.
    ipFamilies: parts.some(({ cluster }) => cluster.network === viewer.network) ? ipFamilies : 'automatic',
    canonical,
    ingressUseWaypoint,
    visibility: 'public',
  };
}

/**
 * Every cluster's addresses, each in its own network: one IP may be another service's elsewhere. Where clusters of the
 * viewer's network disagree about an address, it means what it means in the viewer's cluster; and of the addresses that are
 * given there, no other cluster says what they mean.
 */
function unionOfAddresses(
  { cluster: own, network, contested, reserved }: Viewpoint,
  parts: readonly Part[],
): readonly NetworkAddress[] {
  const byText = new Map<string, NetworkAddress>();
  for (const { cluster, record } of parts) {
    const isNeighbour = cluster.network === network && cluster.id !== own;
    for (const address of record.addresses) {
      const text = addressText(address);
      if (isNeighbour && (contested.has(text) || liesWithin(reserved, address))) continue;
      byText.set(`${cluster.network} ${text}`, { network: cluster.network, ...address });
    }
  }
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, address]) => address);
}

/**
 * Who may answer at the far end: of services, the members on other networks that take HBONE (a nearer one is expected by its own
 * name), and the waypoint in front of them there; of a waypoint all its pods, because gateways recognise waypoints by
 * this list. Sorted, so that every replica and every rebuild gives the same bytes.
 */
function namesOf(which: 'all' | 'elsewhere', network: string, parts: readonly Part[]): readonly string[] {
  const names = new Set<string>();
  for (const { cluster, record } of parts) {
    for (const name of record.subjectAltNames) names.add(name);
    const members = endpointsOf(cluster, record.key);
    const met = which === 'all' ? members : members.filter((workload) => mayAnswer(workload, network));
    for (const workload of met) {
      const identity = identityOf(workload);
      if (identity !== undefined) names.add(identity);
    }
    const front = waypointKey(record);
    const isFronted = which === 'elsewhere' && met.length > 0 && front !== undefined;
    for (const identity of isFronted ? identitiesOf(cluster, front) : []) names.add(identity);
  }
  return [...names].sort();
}

function mayAnswer({ network, tunnelProtocol }: Workload, viewer: string): boolean {
  return network !== viewer && tunnelProtocol === 'hbone';
}
