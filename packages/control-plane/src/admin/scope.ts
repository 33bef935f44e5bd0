/**
 * Who exports what to whom, what of it counts here, and why: the export of the cluster that owns a service, what of it each
 * peer is told, the import of the one that looks, and whether there is a way. Pure; says what export and projection do, in
 * words.
 */
import { createPeerJudge, judgeRecord, type PeerScope, type PeerVerdict } from '../federation/index.js';
import { DEFAULT_SCOPE_CONFIGS, type ScopeConfig } from '../mesh-config.js';
import type { ClusterModel, DerivedCluster, ServiceRecord } from '../model/index.js';
import type { View } from '../projection/index.js';

export interface ScopeRow {
  /** `namespace/hostname`. */
  readonly service: string;
  /** Whose record it is. */
  readonly cluster: string;
  readonly network: string;
  readonly exported: boolean;
  /** Of the own cluster: by peer, whether it is told of it, and why. Peers are told of nothing that is not exported. */
  readonly peers?: readonly ({ readonly peer: string } & PeerVerdict)[];
  /** Whether proxies of this cluster reach members of that cluster by this name. */
  readonly reachable: boolean;
  readonly reason: string;
}

/** A peer and what it may know of the exports. */
export interface ScopedPeer {
  readonly peer: string;
  readonly scope: PeerScope;
}

/** In the order of services and clusters; none before there is a view. */
export function scopeRows(view: View | undefined, peers: readonly ScopedPeer[]): readonly ScopeRow[] {
  const { model, viewer } = view?.origin ?? {};
  const own = viewer && model?.clusters.get(viewer.cluster);
  if (!view || !model || !own) return [];
  const judges = peers.map(({ peer, scope }) => ({ peer, judge: createPeerJudge(own, scope) }));
  return [...model.clusters.values()]
    .flatMap((cluster) => [...cluster.services.values()].map((record) => rowOf(view, own, cluster, record)))
    .sort(({ row: a }, { row: b }) => (`${a.service} ${a.cluster}` < `${b.service} ${b.cluster}` ? -1 : 1))
    .map(({ record, row }) => {
      if (row.cluster !== own.id || judges.length === 0) return row;
      return { ...row, peers: judges.map(({ peer, judge }) => ({ peer, ...judge(record) })) };
    });
}

/** Of one service, in the order of clusters, without peers. */
export function scopeRowsOf(view: View, service: string): readonly ScopeRow[] {
  const { model, viewer } = view.origin;
  const own = model.clusters.get(viewer.cluster);
  const rows = [...model.clusters.values()].flatMap((cluster) => {
    const record = cluster.services.get(service);
    return own && record ? [rowOf(view, own, cluster, record).row] : [];
  });
  return rows.sort((a, b) => (a.cluster < b.cluster ? -1 : 1));
}

interface Found {
  readonly record: ServiceRecord;
  readonly row: ScopeRow;
}

function rowOf(view: View, own: ClusterModel, cluster: ClusterModel, record: ServiceRecord): Found {
  const exported = record.scope === 'global';
  const found = { service: record.key, cluster: cluster.id, network: cluster.network, exported };
  if (cluster === own) return { record, row: { ...found, reachable: true, reason: ownReason(own, record) } };
  const obstacle = obstacleTo(view, own, cluster, record);
  return { record, row: { ...found, reachable: obstacle === undefined, reason: obstacle ?? wayTo(own, cluster) } };
}

function ownReason(own: ClusterModel, record: ServiceRecord): string {
  const configs = configsOf(own);
  const namespace = own.namespaces.get(record.namespace);
  const verdict = configs && namespace && judgeRecord(namespace, record, configs);
  const entry = (index: number | undefined) =>
    configs === DEFAULT_SCOPE_CONFIGS ? 'its label istio.io/global' : `serviceScopeConfigs[${index}]`;
  if (verdict?.scope === 'global') return `exported by ${entry(verdict.selectedBy)}`;
  if (record.scope === 'global') return 'exported with the services that it stands in front of';
  if (verdict?.exceptedBy !== undefined) return `kept: ${entry(verdict.exceptedBy)} excepts it`;
  return 'kept: nothing exports it (label istio.io/global, serviceScopeConfigs)';
}

/** Of what a peer told there is no more than the outcome. */
function configsOf(cluster: ClusterModel | DerivedCluster): readonly ScopeConfig[] | undefined {
  return 'frame' in cluster ? cluster.frame.scopeConfigs : undefined;
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
