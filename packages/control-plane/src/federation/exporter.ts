/** The newest export, encoded once for all peers at the same distance. */
import type { ClusterModel } from '../model/index.js';
import { indexAddresses, type Showing, showNext, type VersionedView } from '../xds/index.js';
import { type Distance, exportView } from './exports.js';

export interface Exporter {
  publish(cluster: ClusterModel): void;
  /** Undefined before the first. */
  current(distance: Distance): VersionedView | undefined;
  subscribe(onNewer: () => void): () => void;
  /** Of the own cluster; undefined before the first. */
  readonly network: string | undefined;
  /** Where a peer on that network is. */
  distanceTo(network: string): Distance;
}

export function createExporter(): Exporter {
  const subscribers = new Set<() => void>();
  const showings = new Map<Distance, Showing>();
  let newest: ClusterModel | undefined;
  let version = 0;
  return {
    publish(cluster) {
      if (cluster === newest) return;
      newest = cluster;
      version += 1;
      for (const onNewer of subscribers) onNewer();
    },
    current(distance) {
      if (!newest) return undefined;
      const { id } = newest;
      const known = showings.get(distance);
      if (known?.projected.version === version) return known.projected;
      const view = exportView(newest, distance, known?.projected.view);
      const next = showNext({ view, version, addressIndex: () => indexAddresses(view, id) }, known);
      showings.set(distance, next);
      return next.projected;
    },
    subscribe(onNewer) {
      subscribers.add(onNewer);
      return () => {
        subscribers.delete(onNewer);
      };
    },
    get network() {
      return newest?.network;
    },
    distanceTo: (network) => (network === newest?.network ? 'same network' : 'other network'),
  };
}
