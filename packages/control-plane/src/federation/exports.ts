/**
 * What a cluster tells its peers: its exported services, and of those behind them what a client elsewhere needs. Nothing
 * else of the cluster is in this view, so nothing else can be asked for. Pure.
 *
 * On another network pods are reached through gateways only, so peers there learn of capacity, not of pods: one record for
 * all members that differ in nothing but name and address. Peers on the same network learn of the pods themselves.
 */
import { createHash } from 'node:crypto';
import type { Service, Workload } from '@isthmus/sdk/discovery';
import { addCapacity, type ClusterModel, type GatewayRecord, type ServiceRecord, withAll } from '../model/index.js';
import { gatewayAddress, gatewayWorkload, type NamespaceView, type View } from '../projection/index.js';
import { type PeerScope, toldServices } from './scope.js';

/** Where the peer is, seen from the exporter. */
export type Distance = 'same network' | 'other network';

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();
/** Under this name are the gateways of the network, which no namespace of a peer's has. */
export const GATEWAYS = '';

/** Whom it is told, as far as that makes a difference. */
export interface Audience {
  readonly distance: Distance;
  readonly scope: PeerScope;
}

/** `previous` has to be of the same audience. */
export function exportView(cluster: ClusterModel, { distance, scope }: Audience, previous: View | undefined): View {
  const before = previous?.origin.model.clusters.get(cluster.id);
  const namespaces = new Map<string, NamespaceView>([[GATEWAYS, gatewaysOf(cluster)]]);
  for (const [name, told] of toldServices(cluster, scope)) {
    const isSame = before?.namespaces.get(name) === cluster.namespaces.get(name);
    const known = isSame ? previous?.namespaces.get(name) : undefined;
    const view = known && hasKeys(known.services, told) ? known : exportOf(cluster, name, told, distance);
    if (view.services.size > 0) namespaces.set(name, view);
  }
  const origin: View['origin'] = {
    model: { clusters: new Map([[cluster.id, cluster]]) },
    viewer: { cluster: cluster.id, role: 'router' },
  };
  return withAll(namespaces, { origin, namespaces, policies: NOTHING });
}

function hasKeys(known: ReadonlyMap<string, unknown>, told: readonly ServiceRecord[]): boolean {
  return known.size === told.length && told.every(({ key }) => known.has(key));
}

function exportOf(
  cluster: ClusterModel,
  name: string,
  told: readonly ServiceRecord[],
  distance: Distance,
): NamespaceView {
  if (told.length === 0) return { services: NOTHING, workloads: NOTHING };
  const keys = new Set(told.map(({ key }) => key));
  const workloads = [...(cluster.namespaces.get(name)?.workloads.values() ?? [])];
  const members = workloads.flatMap((workload) => memberOf(cluster, workload, keys) ?? []);
  return {
    services: sorted(told.map((record) => [record.key, exportedService(cluster, record)])),
    workloads:
      distance === 'other network'
        ? capacities(cluster.id, members)
        : sorted(members.map((workload) => [workload.uid, workload])),
  };
}

function exportedService({ network }: ClusterModel, record: ServiceRecord): Service {
  const { isWaypoint: _, scope: __, addresses, ...same } = record;
  return { ...same, addresses: addresses.map((address) => ({ network, ...address })), visibility: 'public' };
}

/** Policies stay where they are enforced, and a node is nobody's business elsewhere. */
function memberOf(cluster: ClusterModel, workload: Workload, keys: ReadonlySet<string>): Workload | undefined {
  const services = new Map([...workload.services].filter(([key]) => keys.has(key)));
  if (services.size === 0 || workload.network !== cluster.network) return undefined;
  return { ...workload, services, authorizationPolicies: [], node: '' };
}

/** Members that a client on another network cannot tell from one another, as one that can take as much. */
function capacities(cluster: string, members: readonly Workload[]): ReadonlyMap<string, Workload> {
  const groups = new Map<string, Workload>();
  for (const member of members) {
    const { namespace, network, clusterId, trustDomain, serviceAccount, locality } = member;
    const { tunnelProtocol, nativeTunnel, healthy, services } = member;
    const same = { namespace, network, clusterId, trustDomain, serviceAccount, locality };
    const traits = { tunnelProtocol, nativeTunnel, healthy };
    const hash = hashOf({ ...same, ...traits, services: [...services] });
    const uid = `${cluster}/isthmus/Capacity/${namespace}/${hash}`;
    const known = groups.get(uid);
    groups.set(uid, {
      ...ANONYMOUS,
      ...same,
      ...traits,
      uid,
      services,
      capacity: addCapacity(member.capacity, known?.capacity ?? 0),
    });
  }
  return sorted([...groups]);
}

const ANONYMOUS = {
  name: '',
  addresses: [],
  hostname: '',
  node: '',
  canonicalName: '',
  canonicalRevision: '',
  workloadName: '',
  workloadType: 'pod',
  networkMode: 'standard',
  authorizationPolicies: [],
} as const satisfies Partial<Workload>;

function hashOf(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

/** The gateways into the cluster's own network; those it was told to use towards others are nobody else's. */
function gatewaysOf({ gateways, network }: ClusterModel): NamespaceView {
  const own = gateways.filter((gateway) => gateway.source === 'discovered' && gateway.network === network);
  return { services: NOTHING, workloads: sorted(own.map((gateway) => [gatewayWorkload(gateway).uid, told(gateway)])) };
}

/** With its port, and whether anybody is there, which proxies learn from records of services instead. */
function told(gateway: GatewayRecord): Workload {
  return { ...gatewayWorkload(gateway), healthy: gateway.usable, networkGateway: gatewayAddress(gateway) };
}

function sorted<V>(entries: readonly (readonly [string, V])[]): ReadonlyMap<string, V> {
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
