/**
 * What a projection may take over from the one before: the view of a namespace follows from its models in all clusters,
 * the gateways between networks, who the waypoints in front of it are, and what other clusters of the network claim.
 */
import { type ClusterModel, type GatewayRecord, isSameBasis, type Model } from '../model/index.js';
import type { VipBlock } from '../vip-blocks.js';
import { identitiesOf } from './endpoints.js';
import { gatewaysFor } from './gateways.js';
import { differFor, type Overlaps } from './overlaps.js';
import { sightOf, type View, type Viewer } from './types.js';

/** What one projection looks at in every namespace. */
export interface Scene {
  readonly viewer: Viewer;
  readonly own: ClusterModel;
  /** In the order of ids. */
  readonly clusters: readonly ClusterModel[];
  /** Into other networks; none for gateways, which look at their own only. */
  readonly gateways: readonly GatewayRecord[];
  /** With the other clusters of the own network. */
  readonly overlaps: Overlaps;
  /** Blocks out of which addresses are given here. */
  readonly reserved: readonly VipBlock[];
}

/** What of the view before stands. */
export interface Known {
  /** Names of namespaces that are to be looked at again. */
  readonly stale: ReadonlySet<string>;
  /** Whether all clusters have the namespaces they had, so that these are in the same order. */
  readonly isSameSet: boolean;
}

/** Undefined when something has changed that all of it depends on. */
export function knownTo(
  { viewer, own, clusters, gateways, overlaps }: Scene,
  model: Model,
  { origin }: View,
): Known | undefined {
  const before = clusters.map(({ id }) => origin.model.clusters.get(id));
  const isSameMesh =
    sightOf(origin.viewer.role) === sightOf(viewer.role) &&
    origin.viewer.cluster === viewer.cluster &&
    origin.model.clusters.size === model.clusters.size &&
    clusters.every((cluster, index) => isSamePlace(cluster, before[index]));
  const isSameWay =
    sightOf(viewer.role) === 'exports' || isSameBasis(gateways, gatewaysFor(origin.model, own.id, own.network));
  if (!isSameMesh || !isSameWay || !origin.overlaps) return undefined;
  const stale = new Set(affectedBy(clusters, origin.overlaps, overlaps));
  let isSameSet = true;
  for (const [index, cluster] of clusters.entries()) {
    const past = before[index];
    if (past && past !== cluster) isSameSet = addChanged(stale, past, cluster) && isSameSet;
  }
  return { stale, isSameSet };
}

/** Namespaces whose addresses or waypoints the neighbours agree about otherwise than before. */
function affectedBy(clusters: readonly ClusterModel[], before: Overlaps, after: Overlaps): readonly string[] {
  if (before === after) return [];
  return clusters.flatMap(({ namespaces }) =>
    [...namespaces].flatMap(([name, namespace]) => (differFor(namespace, before, after) ? [name] : [])),
  );
}

function isSamePlace({ network, trustDomain }: ClusterModel, before: ClusterModel | undefined): boolean {
  return before?.network === network && before.trustDomain === trustDomain;
}

/** Whether the cluster has the same namespaces as before. */
function addChanged(stale: Set<string>, before: ClusterModel, after: ClusterModel): boolean {
  const isSameFront = frontsBetween(before, after);
  let isSameSet = before.namespaces.size === after.namespaces.size;
  for (const [name, namespace] of after.namespaces) {
    const past = before.namespaces.get(name);
    if (past === namespace && (namespace.fronts.length === 0 || namespace.fronts.every(isSameFront))) continue;
    stale.add(name);
    isSameSet &&= past !== undefined;
  }
  if (!isSameSet) for (const name of before.namespaces.keys()) if (!after.namespaces.has(name)) stale.add(name);
  return isSameSet;
}

/** Whether a waypoint has the identities that it had; many namespaces may stand behind one. */
function frontsBetween(before: ClusterModel, after: ClusterModel): (front: string) => boolean {
  const known = new Map<string, boolean>();
  return (front) => {
    const isSame = known.get(front) ?? hasSameIdentities(front, before, after);
    known.set(front, isSame);
    return isSame;
  };
}

/** A waypoint may be of another namespace than what it stands in front of, which is told its identities. */
function hasSameIdentities(front: string, before: ClusterModel, after: ClusterModel): boolean {
  return isSameBasis(identitiesOf(before, front), identitiesOf(after, front));
}
