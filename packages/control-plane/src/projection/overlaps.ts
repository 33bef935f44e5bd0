/**
 * Several clusters on one network, which know nothing of each other's addresses and may keep services to themselves. What
 * proxies on that network are told by address has to mean one thing, and what a cluster keeps to itself must not be
 * answered by a neighbour that nothing stands before: on one network there is no gateway that would refuse.
 *
 * Worked out when services change, never when pods do; linear in the addresses of the network's services.
 */
import { type ClusterModel, isSameBasis, type NamespaceModel } from '../model/index.js';

export interface Overlaps {
  /** Addresses that are another service's in another cluster of the network. */
  readonly contested: ReadonlySet<string>;
  /**
   * Keys of waypoints that are used in the viewer's cluster only. Clients choose among a waypoint's pods without regard to
   * what they ask it for; so the neighbour's must not be among them when one service behind it is kept local here, or is
   * asked for by an address that is another one's there.
   */
  readonly confined: ReadonlySet<string>;
  /** What it was made from. */
  readonly basis: readonly unknown[];
}

const NONE: Overlaps = { contested: new Set(), confined: new Set(), basis: [] };

/** `clusters`: all; the previous result, itself, when nothing that it was made from has changed. */
export function overlapsOf(own: ClusterModel, clusters: readonly ClusterModel[], previous?: Overlaps): Overlaps {
  const near = clusters.filter(({ network }) => network === own.network);
  if (near.length < 2) return NONE;
  const basis = near.flatMap(({ id, namespaces }) => [id, ...[...namespaces.values()].flatMap(partOf)]);
  if (previous && isSameBasis(previous.basis, basis)) return previous;
  const contested = contestedAmong(near);
  const namespaces = [...own.namespaces.values()];
  const misread = namespaces.flatMap(({ claims }) =>
    claims.flatMap(({ address, front }) => (front !== undefined && contested.has(address) ? [front] : [])),
  );
  const confined = new Set([...namespaces.flatMap(({ localFronts }) => localFronts), ...misread]);
  return { contested, confined, basis };
}

function partOf({ claims, localFronts }: NamespaceModel): readonly unknown[] {
  return [claims, localFronts];
}

function contestedAmong(clusters: readonly ClusterModel[]): ReadonlySet<string> {
  const meanings = new Map<string, string>();
  const contested = new Set<string>();
  for (const cluster of clusters) {
    for (const [address, keys] of keysByAddress(cluster)) {
      const meaning = [...keys].sort().join(' ');
      const known = meanings.get(address);
      if (known === undefined) meanings.set(address, meaning);
      else if (known !== meaning) contested.add(address);
    }
  }
  return contested;
}

/** Hosts of one ServiceEntry share its addresses. */
function keysByAddress({ namespaces }: ClusterModel): ReadonlyMap<string, ReadonlySet<string>> {
  const keys = new Map<string, Set<string>>();
  for (const { claims } of namespaces.values()) {
    for (const { address, key } of claims) {
      const known = keys.get(address);
      if (known) known.add(key);
      else keys.set(address, new Set([key]));
    }
  }
  return keys;
}

/** Whether the namespace's view says anything else by `after` than by `before`. */
export function differFor({ claims, waypoints }: NamespaceModel, before: Overlaps, after: Overlaps): boolean {
  return (
    claims.some(({ address }) => before.contested.has(address) !== after.contested.has(address)) ||
    waypoints.some(({ key }) => before.confined.has(key) !== after.confined.has(key))
  );
}
