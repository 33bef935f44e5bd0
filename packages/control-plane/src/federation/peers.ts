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
  /** It is no peer any more. */
  readonly onRevoked: (cluster: string) => void;
  /** Roots of it that counted do no longer. */
  readonly onDistrusted: (cluster: string) => void;
  /** After peers came or went, or their roots changed. */
  readonly onChanged: () => void;
}

export interface Peers {
  /** Takes over what the directory holds now. */
  follow(found: ReadPeers): void;
  get(cluster: string): KnownPeer | undefined;
  links(): readonly Link[];
}

export function createPeers(scope: Scope, init: PeersInit): Peers {
  const { isTaken, onImports, onRevoked, onDistrusted, onChanged, observe, saved, log } = init;
  const links = new Map<string, { readonly link: Link; readonly scope: Scope }>();
  /** What was saved of those who were revoked goes, one after the other. */
  let forgetting: Promise<void> = Promise.resolve();
  let problems: readonly string[] | undefined;

  function tell(): void {
    if (scope.signal.aborted) return;
    const known = [...links].sort(([a], [b]) => (a < b ? -1 : 1));
    onImports(known.flatMap(([, { link }]) => link.model ?? []));
  }

  function add(peer: KnownPeer): void {
    const own = scope.child();
    const link = createLink(own, { ...init, peer, after: forgetting, onChange: tell });
    links.set(peer.cluster, { link, scope: own });
    log.info({ cluster: peer.cluster, address: peer.address }, 'peer added');
  }

  function revoke(cluster: string): void {
    const known = links.get(cluster);
    links.delete(cluster);
    onRevoked(cluster);
    observe({ kind: 'revoked', peer: cluster });
    const forgotten = known?.link.forget();
    forgetting = forgetting.then(() => forgotten).catch(failed);
    known?.scope.close(`peer ${cluster} was removed`).catch(failed);
    log.info({ cluster }, 'peer removed; its workloads and streams are gone');
  }

  function failed(error: unknown): void {
    log.error({ err: error }, 'link failed to close');
  }

  function report(found: readonly string[]): void {
    for (const problem of found) if (!problems?.includes(problem)) log.error({ problem }, 'peer cannot be used');
    problems = found;
  }

  /** True when its roots are not what they were. */
  function update({ link }: { readonly link: Link }, peer: KnownPeer): boolean {
    const { roots, address } = link.peer;
    if (roots === peer.roots && address === peer.address) return false;
    link.update(peer);
    if (roots === peer.roots) return false;
    log.info({ cluster: peer.cluster, fingerprints: fingerprintsOf(peer.roots) }, 'peer has other roots');
    if (!fingerprintsOf(roots).every((each) => fingerprintsOf(peer.roots).includes(each))) onDistrusted(peer.cluster);
    return true;
  }

  return {
    follow({ peers, problems: found }) {
      const isFirst = problems === undefined;
      report(found);
      const wanted = new Map(peers.filter((peer) => !isTaken(peer.cluster)).map((peer) => [peer.cluster, peer]));
      const gone = [...links].filter(([id, { link }]) => !isSameParty(link.peer, wanted.get(id)));
      for (const [id] of gone) revoke(id);
      const renewed = [...wanted.values()].filter((peer) => {
        const known = links.get(peer.cluster);
        return known && update(known, peer);
      });
      const fresh = [...wanted.values()].filter((peer) => !links.has(peer.cluster));
      for (const peer of fresh) add(peer);
      // What a peer that was removed meanwhile had said; a file that cannot be read now says nothing of its peer.
      if (isFirst && found.length === 0) void saved.retain([...wanted.keys()]).catch(failed);
      if (gone.length + fresh.length + renewed.length === 0) return;
      onChanged();
      tell();
    },
    get: (cluster) => links.get(cluster)?.link.peer,
    links: () => [...links.values()].map(({ link }) => link),
  };
}

function isSameParty(a: KnownPeer, b: KnownPeer | undefined): boolean {
  const partyOf = ({ cluster, network, trustDomain, anchors }: KnownPeer) =>
    [cluster, network, trustDomain, anchors].join(' ');
  return b !== undefined && partyOf(a) === partyOf(b);
}
