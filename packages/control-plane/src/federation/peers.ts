/**
 * The peers of the moment, each with its link. What the directory says is compared with what is: who is new is linked,
 * who is gone is revoked, at once. Who has another address or has told of other roots is the same peer; who was exchanged
 * anew, or is said to be elsewhere, is another of that name.
 */
import type { Scope } from '@isthmus/sdk/runtime';
import type { ClusterModel } from '../model/index.js';
import { fingerprintsOf } from './identity.js';
import { createLink, type Link, type LinkInit } from './link.js';
import type { KnownPeer } from './records.js';
import type { ReadPeers } from './state.js';

export interface PeersInit
  extends Pick<LinkInit, 'cluster' | 'certificate' | 'saved' | 'maxAgeMs' | 'onRoots' | 'observe' | 'clock' | 'log'> {
  /** Clusters that are read from elsewhere, or are this one. */
  readonly isTaken: (cluster: string) => boolean;
  /** What peers export, after each change; in the order of clusters. */
  readonly onImports: (clusters: readonly ClusterModel[]) => void;
  /** Ends its streams: it is no peer any more, or has to prove itself by other roots than it did. */
  readonly disconnect: (cluster: string) => void;
  /** After peers came or went, or their roots changed. */
  readonly onChanged: () => void;
  /** Clusters that the settings name as peers. */
  readonly named: readonly string[];
}

export interface Peers {
  /** Takes over what the directory holds now. */
  follow(found: ReadPeers): void;
  get(cluster: string): KnownPeer | undefined;
  links(): readonly Link[];
}

export function createPeers(scope: Scope, init: PeersInit): Peers {
  const { isTaken, onChanged, saved, named, log } = init;
  const links = createLinks(scope, init);
  let problems: readonly string[] | undefined;

  function report(found: readonly string[]): void {
    for (const problem of found)
      if (!problems?.includes(problem))
        log.error({ problem }, 'peer cannot be used as its file is now; what was in force of it stays');
    problems = found;
  }

  /** A slip in a name would tell the peer that was meant everything. */
  function warnOfStrangers(peers: readonly string[]): void {
    const clusters = named.filter((cluster) => !peers.includes(cluster));
    if (clusters.length > 0) log.warn({ clusters, peers }, 'federation.exports name clusters that are no peers');
  }

  return {
    follow({ peers, unusable, problems: found }) {
      const isFirst = problems === undefined;
      report(found);
      // To remove a peer is to remove its file. One that cannot be read says nothing, least of all that.
      const kept = unusable.flatMap((cluster) => links.get(cluster)?.peer ?? []);
      const known = [...peers.filter((peer) => !isTaken(peer.cluster)), ...kept];
      const wanted = new Map(known.map((peer) => [peer.cluster, peer]));
      const gone = links.all().filter(({ peer }) => !isSameParty(peer, wanted.get(peer.cluster)));
      for (const { peer } of gone) links.revoke(peer.cluster);
      const renewed = links.all().filter((link) => links.update(link, wanted.get(link.peer.cluster) ?? link.peer));
      const fresh = [...wanted.values()].filter((peer) => !links.get(peer.cluster));
      for (const peer of fresh) links.add(peer);
      if (isFirst || fresh.length > 0) warnOfStrangers([...wanted.keys()]);
      // What a peer that was removed meanwhile had said; a file that cannot be read now says nothing of its peer.
      if (isFirst && found.length === 0) links.clean(saved.retain([...wanted.keys()]));
      if (gone.length + fresh.length + renewed.length === 0) return;
      onChanged();
      links.tell();
    },
    get: (cluster) => links.get(cluster)?.peer,
    links: links.all,
  };
}

interface Links {
  all(): readonly Link[];
  get(cluster: string): Link | undefined;
  add(peer: KnownPeer): void;
  revoke(cluster: string): void;
  /** True when its roots are not what they were. */
  update(link: Link, peer: KnownPeer): boolean;
  /** Of what all of them export. */
  tell(): void;
  /** Nothing is read from disk before that is done. */
  clean(work: Promise<void>): void;
}

function createLinks(scope: Scope, init: PeersInit): Links {
  const { onImports, disconnect, observe, log } = init;
  const links = new Map<string, { readonly link: Link; readonly scope: Scope }>();
  let cleaning: Promise<void> = Promise.resolve();
  const failed = (error: unknown) => log.error({ err: error }, 'what was a peer could not be removed altogether');

  function tell(): void {
    if (scope.signal.aborted) return;
    const known = [...links].sort(([a], [b]) => (a < b ? -1 : 1));
    onImports(known.flatMap(([, { link }]) => link.model ?? []));
  }

  function clean(work: Promise<void> | undefined): void {
    cleaning = cleaning.then(() => work).catch(failed);
  }

  return {
    all: () => [...links.values()].map(({ link }) => link),
    get: (cluster) => links.get(cluster)?.link,
    add(peer) {
      const own = scope.child();
      const link = createLink(own, { ...init, peer, after: cleaning, onChange: tell });
      links.set(peer.cluster, { link, scope: own });
      log.info({ cluster: peer.cluster, address: peer.address }, 'peer added');
    },
    revoke(cluster) {
      const known = links.get(cluster);
      links.delete(cluster);
      disconnect(cluster);
      observe({ kind: 'revoked', peer: cluster });
      clean(known?.link.forget());
      known?.scope.close(`peer ${cluster} was removed`).catch(failed);
      log.info({ cluster }, 'peer removed; its workloads and streams are gone');
    },
    update(link, peer) {
      const { roots, address } = link.peer;
      if (roots === peer.roots && address === peer.address) return false;
      link.update(peer);
      if (roots === peer.roots) return false;
      const fingerprints = fingerprintsOf(peer.roots);
      log.info({ cluster: peer.cluster, fingerprints }, 'peer has other roots');
      if (!fingerprintsOf(roots).every((each) => fingerprints.includes(each))) disconnect(peer.cluster);
      return true;
    },
    tell,
    clean,
  };
}

function isSameParty(a: KnownPeer, b: KnownPeer | undefined): boolean {
  const partyOf = ({ cluster, network, trustDomain, anchors }: KnownPeer) =>
    [cluster, network, trustDomain, anchors].join(' ');
  return b !== undefined && partyOf(a) === partyOf(b);
}
