/**
 * The peers of the moment, each with its link. What the directory says is compared with what is: who is new is linked,
 * who is gone or was changed is revoked, at once.
 */
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import type { ClusterModel } from '../model/index.js';
import { createLink, type Link, type LinkInit } from './link.js';
import type { Peer } from './records.js';
import type { ReadPeers } from './state.js';

export interface PeersInit extends Pick<LinkInit, 'cluster' | 'certificate'> {
  /** Clusters that are read from elsewhere, or are this one. */
  readonly isTaken: (cluster: string) => boolean;
  /** What peers export, after each change; in the order of clusters. */
  readonly onImports: (clusters: readonly ClusterModel[]) => void;
  /** It is no peer any more. */
  readonly onRevoked: (cluster: string) => void;
  /** After peers came or went. */
  readonly onChanged: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Peers {
  /** Takes over what the directory holds now. */
  follow(found: ReadPeers): void;
  get(cluster: string): Peer | undefined;
  links(): readonly Link[];
}

export function createPeers(scope: Scope, init: PeersInit): Peers {
  const { isTaken, onImports, onRevoked, onChanged, log } = init;
  const links = new Map<string, { readonly link: Link; readonly scope: Scope }>();
  let problems: readonly string[] = [];

  function tell(): void {
    if (scope.signal.aborted) return;
    const known = [...links].sort(([a], [b]) => (a < b ? -1 : 1));
    onImports(known.flatMap(([, { link }]) => link.model ?? []));
  }

  function add(peer: Peer): void {
    const own = scope.child();
    links.set(peer.cluster, { link: createLink(own, { ...init, peer, onChange: tell }), scope: own });
    log.info({ cluster: peer.cluster, address: peer.address }, 'peer added');
  }

  function revoke(cluster: string): void {
    const known = links.get(cluster);
    links.delete(cluster);
    onRevoked(cluster);
    known?.scope
      .close(`peer ${cluster} was removed`)
      .catch((error: unknown) => log.error({ err: error }, 'link failed to close'));
    log.info({ cluster }, 'peer removed; its workloads and streams are gone');
  }

  return {
    follow({ peers, problems: found }) {
      for (const problem of found) if (!problems.includes(problem)) log.error({ problem }, 'peer cannot be used');
      problems = found;
      const wanted = new Map(peers.filter((peer) => !isTaken(peer.cluster)).map((peer) => [peer.cluster, peer]));
      const gone = [...links].filter(([id, { link }]) => !isSamePeer(link.peer, wanted.get(id)));
      for (const [id] of gone) revoke(id);
      const fresh = [...wanted.values()].filter((peer) => !links.has(peer.cluster));
      for (const peer of fresh) add(peer);
      if (gone.length + fresh.length === 0) return;
      onChanged();
      tell();
    },
    get: (cluster) => links.get(cluster)?.link.peer,
    links: () => [...links.values()].map(({ link }) => link),
  };
}

function isSamePeer(a: Peer, b: Peer | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
