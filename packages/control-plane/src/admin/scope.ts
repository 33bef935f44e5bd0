/**
 * Who exports what, what of it counts here, and why: the export of the cluster that owns a service, the import of the one
 * that looks, and whether there is a way. Pure; says what the projection does, in words.
 */
import type { ClusterModel, ServiceRecord } from '../model/index.js';
import type { View } from '../projection/index.js';

export interface ScopeRow {
  /** `namespace/hostname`. */
  readonly service: string;
  /** Whose record it is. */
  readonly cluster: string;
  readonly network: string;
  readonly exported: boolean;
  /** Whether proxies of this cluster reach members of that cluster by this name. */
  readonly reachable: boolean;
  readonly reason: string;
}

/** In the order of services and clusters; none before there is a view. */
export function scopeRows(view: View | undefined): readonly ScopeRow[] {
  if (!view) return [];
  const { model, viewer } = view.origin;
  const own = model.clusters.get(viewer.cluster);
  if (!own) return [];
  return [...model.clusters.values()]
    .flatMap((cluster) => [...cluster.services.values()].map((record) => rowOf(view, own, cluster, record)))
    .sort((a, b) => (`${a.service} ${a.cluster}` < `${b.service} ${b.cluster}` ? -1 : 1));
}

function rowOf(view: View, own: ClusterModel, cluster: ClusterModel, record: ServiceRecord): ScopeRow {
  const { key: service, scope } = record;
  const exported = scope === 'global';
  const found = { service, cluster: cluster.id, network: cluster.network, exported };
  if (cluster === own)
    return {
      ...found,
      reachable: true,
      reason: exported
        ? 'exported: other clusters are told of it'
        : 'kept: nothing exports it (label istio.io/global, serviceScopeConfigs)',
    };
  const obstacle = obstacleTo(view, own, cluster, record);
  return { ...found, reachable: obstacle === undefined, reason: obstacle ?? wayTo(own, cluster) };
}

function obstacleTo(view: View, own: ClusterModel, cluster: ClusterModel, record: ServiceRecord): string | undefined {
  if (record.scope === 'local') return `not exported by ${cluster.id}`;
  if (own.services.get(record.key)?.scope === 'local')
    return `exported by ${cluster.id}, but ${own.id} keeps a service of that name to itself`;
  if (cluster.network === own.network || hasRecord(view, cluster, record.key)) return undefined;
  const gateways = cluster.gateways.filter(({ network }) => network === cluster.network);
  if (gateways.length === 0) return `no gateway into ${cluster.network} is known`;
  if (!gateways.some(({ usable }) => usable)) return `no gateway into ${cluster.network} has a ready pod`;
  return `nothing behind it in ${cluster.id} is ready and takes HBONE`;
}

function hasRecord(view: View, { network }: ClusterModel, key: string): boolean {
  const namespace = view.namespaces.get(key.slice(0, key.indexOf('/')));
  return [...(namespace?.workloads.values() ?? [])].some((each) => each.network === network && each.services.has(key));
}

function wayTo(own: ClusterModel, { id, network }: ClusterModel): string {
  return network === own.network
    ? `exported by ${id}, on the same network`
    : `exported by ${id}, through the gateways of ${network}`;
}
