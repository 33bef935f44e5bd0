/** The newest export, encoded once for all peers that are told the same. */
import type { FederationSettings } from '../config.js';
import type { ClusterModel } from '../model/index.js';
import type { View } from '../projection/index.js';
import { indexAddresses, type Showing, showNext, type VersionedView } from '../xds/index.js';
import { type Audience, exportView } from './exports.js';
import type { Peer } from './records.js';

export interface Exporter {
  publish(cluster: ClusterModel): void;
  /** Undefined before the first. */
  current(audience: Audience): ExportedView | undefined;
  subscribe(onNewer: () => void): () => void;
  /** Of the own cluster; undefined before the first. */
  readonly network: string | undefined;
  /** Where a peer is, and what it may know. */
  audienceOf(peer: Pick<Peer, 'cluster' | 'network'>): Audience;
}

export interface ExportedView extends VersionedView {
  readonly view: View;
}

/** `exports` of the settings: a peer that is not listed is told everything. */
export function createExporter(exports: FederationSettings['exports']): Exporter {
  const subscribers = new Set<() => void>();
  const showings = new Map<string, Showing>();
  const scopes = new Map(exports.map(({ peer, serviceScopeConfigs }) => [peer, serviceScopeConfigs]));
  let newest: ClusterModel | undefined;
  let version = 0;
  return {
    publish(cluster) {
      if (cluster === newest) return;
      newest = cluster;
      version += 1;
      for (const onNewer of subscribers) onNewer();
    },
    current(audience) {
      if (!newest) return undefined;
      const { id } = newest;
      const key = keyOf(audience);
      const known = showings.get(key);
      if (known?.projected.version === version) return known.projected;
      const view = exportView(newest, audience, known?.projected.view);
      const next = showNext({ view, version, addressIndex: () => indexAddresses(view, id) }, known);
      showings.set(key, next);
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
    audienceOf: ({ cluster, network }) => ({
      distance: network === newest?.network ? 'same network' : 'other network',
      scope: scopes.get(cluster),
    }),
  };
}

/** As many as there are entries in the settings, and one for all others; twice, for both distances. */
function keyOf({ distance, scope }: Audience): string {
  return `${distance} ${scope === undefined ? 'all' : JSON.stringify(scope)}`;
}
