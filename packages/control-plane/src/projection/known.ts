/**
 * What a projection may take over from the one before: the view of a namespace follows from its models in all clusters,
 * the gateways between networks, who the waypoints in front of it are, and what other clusters of the network claim.
 */
import { type ClusterModel, type GatewayRecord, isSameBasis, type Model } from '../model/index.js';
import { identitiesOf } from './endpoints.js';
import { gatewaysFor } from './gateways.js';
import { differFor, type Overlaps } from './overlaps.js';
import { type NamespaceView, sightOf, type View, type Viewer } from './types.js';

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
}

/** Views by namespace; undefined when something has changed that all of them depend on. */
export function knownTo(
  { viewer, own, clusters, gateways, overlaps }: Scene,
  model: Model,
  { origin, namespaces }: View,
): ReadonlyMap<string, NamespaceView> | undefined {
  const before = clusters.map(({ id }) => origin.model.clusters.get(id));
  const isSameMesh =
    sightOf(origin.viewer.role) === sightOf(viewer.role) &&
    origin.viewer.cluster === viewer.cluster &&
    origin.model.clusters.size === model.clusters.size &&
    clusters.every((cluster, index) => isSamePlace(cluster, before[index]));
  const isSameWay =
    sightOf(viewer.role) === 'exports' || isSameBasis(gateways, gatewaysFor(origin.model, own.id, own.network));
  if (!isSameMesh || !isSameWay || !origin.overlaps) return undefined;
  const known = new Map(namespaces);
  for (const [index, cluster] of clusters.entries()) {
    const past = before[index];
    for (const name of past && past !== cluster ? changedIn(past, cluster) : []) known.delete(name);
  }
  for (const name of affectedBy(clusters, origin.overlaps, overlaps)) known.delete(name);
  return known;
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

function* changedIn(before: ClusterModel, after: ClusterModel): Generator<string> {
  for (const [name, namespace] of after.namespaces) {
    if (before.namespaces.get(name) !== namespace) yield name;
    else if (namespace.fronts.some((front) => !hasSameIdentities(front, before, after))) yield name;
  }
  for (const name of before.namespaces.keys()) if (!after.namespaces.has(name)) yield name;
}

/** A waypoint may be of another namespace than what it stands in front of, which is told its identities. */
function hasSameIdentities(front: string, before: ClusterModel, after: ClusterModel): boolean {
  return isSameBasis(identitiesOf(before, front), identitiesOf(after, front));
}
