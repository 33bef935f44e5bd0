/**
 * Peers as they are in the directory, each with a link to it and admitted as a receiver. A file that appears adds a peer,
 * one that goes revokes it: its workloads leave the model and its streams end in the same turn.
 */
import { Server } from '@grpc/grpc-js';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { discoveryService } from '@isthmus/sdk/wire';
import { type CaStore, createServing } from '../ca/index.js';
import type { FederationSettings, Settings } from '../config.js';
import { createDebounce, createDirectoryWatcher } from '../files/index.js';
import type { ClusterModel } from '../model/index.js';
import { GRPC_OPTIONS, type SubscriptionStatus, shutdownGrpc } from '../xds/index.js';
import { createExchange, peeringService } from './exchange.js';
import { createExporter } from './exporter.js';
import { controlPlaneIdentity } from './identity.js';
import { createLink, type Link, type LinkStatus } from './link.js';
import { createReceivers } from './receivers.js';
import type { Peer } from './records.js';
import { createFederationState, type ReadPeers } from './state.js';

export interface FederationInit {
  readonly settings: Settings & { readonly federation: FederationSettings };
  readonly store: CaStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** What peers export, after each change; in the order of clusters. */
  readonly onImports: (clusters: readonly ClusterModel[]) => void;
}

export interface PeerStatus extends LinkStatus, Omit<Peer, 'roots'> {
  /** What the peer has of this cluster's exports, one entry per stream of it. */
  readonly receives: readonly (readonly SubscriptionStatus[])[];
}

export interface Federation {
  readonly port: number;
  /** Resolves when every peer there was at start has said everything, or after 5 s. */
  readonly firstSync: Promise<void>;
  /** The own cluster as it is now. */
  publish(cluster: ClusterModel): void;
  status(): readonly PeerStatus[];
  /** Of the directory. */
  problems(): readonly string[];
}

/** A peer that is away at start holds up nobody for longer. */
const FIRST_SYNC_MS = 5_000;

export async function createFederation(scope: Scope, init: FederationInit): Promise<Federation> {
  const { settings, store, clock, log } = init;
  const { directory, address, listen } = settings.federation;
  const { clusterId: cluster, trustDomain } = settings;
  const state = createFederationState(directory);
  await state.prepare();
  const exporter = createExporter();
  const links = new Map<string, { readonly link: Link; readonly scope: Scope }>();
  let problems: readonly string[] = [];
  const receivers = createReceivers({
    exporter,
    peer: (id) => links.get(id)?.link.peer,
    signal: scope.signal,
    clock,
    log,
  });
  const serving = await createServing(scope, {
    hosts: settings.serverNames,
    identity: controlPlaneIdentity(trustDomain, cluster),
    clientRoots: () => [store.current.roots, ...[...links.values()].map(({ link }) => link.peer.roots)].join(''),
    ttlMs: settings.ca.workloadCertTtl,
    store,
    clock,
    log,
  });

  function tell(): void {
    if (scope.signal.aborted) return;
    const known = [...links].sort(([a], [b]) => (a < b ? -1 : 1));
    init.onImports(known.flatMap(([, { link }]) => link.model ?? []));
  }

  function add(peer: Peer): void {
    const own = scope.child();
    const link = createLink(own, { peer, cluster, certificate: () => serving.current, clock, log, onChange: tell });
    links.set(peer.cluster, { link, scope: own });
    log.info({ cluster: peer.cluster, address: peer.address }, 'peer added');
  }

  function revoke(id: string): void {
    const known = links.get(id);
    links.delete(id);
    receivers.disconnect(id);
    known?.scope
      .close(`peer ${id} was removed`)
      .catch((error: unknown) => log.error({ err: error }, 'link failed to close'));
    log.info({ cluster: id }, 'peer removed; its workloads and streams are gone');
  }

  function follow({ peers, problems: found }: ReadPeers): void {
    for (const problem of found) if (!problems.includes(problem)) log.error({ problem }, 'peer cannot be used');
    problems = found;
    const wanted = new Map(peers.filter((peer) => !isTaken(peer.cluster)).map((peer) => [peer.cluster, peer]));
    const gone = [...links].filter(([id, { link }]) => !isSamePeer(link.peer, wanted.get(id)));
    for (const [id] of gone) revoke(id);
    const fresh = [...wanted.values()].filter((peer) => !links.has(peer.cluster));
    for (const peer of fresh) add(peer);
    if (gone.length + fresh.length === 0) return;
    serving.refresh();
    tell();
  }

  const isTaken = (id: string) => id === cluster || settings.sources.some((source) => source.cluster === id);
  const configured = settings.sources.find((source) => source.cluster === cluster)?.network ?? '';
  await followDirectory(scope, { ...init, directory: state.peersDirectory, read: state.peers, follow });
  const exchange = createExchange({
    own: () => ({
      cluster,
      network: exporter.network ?? configured,
      trustDomain,
      roots: store.current.roots,
      address,
    }),
    state,
    isTaken,
    now: () => clock.now(),
    log,
  });
  const server = new Server({ ...GRPC_OPTIONS, interceptors: [receivers.interceptor] });
  scope.own(() => shutdownGrpc(server, clock));
  server.addService(discoveryService, { deltaAggregatedResources: receivers.handler });
  server.addService(peeringService, exchange);
  const port = await new Promise<number>((resolve, reject) => {
    const at = `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`;
    server.bindAsync(at, serving.credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    port,
    firstSync: firstSyncOf(
      scope,
      [...links.values()].map(({ link }) => link),
      clock,
    ),
    publish: exporter.publish,
    status: () =>
      [...links.values()].map(({ link }) => {
        const { roots: _, ...peer } = link.peer;
        return { ...peer, ...link.status(), receives: receivers.status(peer.cluster) };
      }),
    problems: () => problems,
  };
}

interface FollowInit extends Pick<FederationInit, 'settings' | 'clock' | 'log'> {
  readonly directory: string;
  readonly read: () => Promise<ReadPeers>;
  readonly follow: (found: ReadPeers) => void;
}

/** Resolves after the first read; reads again when something changes there, and from time to time. */
async function followDirectory(
  scope: Scope,
  { settings, clock, log, directory, read, follow }: FollowInit,
): Promise<void> {
  const {
    debounce: { quiet: quietMs, max: maxMs },
    rescanInterval,
  } = settings;
  let reading: Promise<void> = Promise.resolve();
  let cancelRescan = () => {};
  const look = async () => {
    if (scope.signal.aborted) return;
    cancelRescan();
    await read()
      .then(follow)
      .catch((error: unknown) => log.error({ err: error, directory }, 'peers could not be read'));
    if (!scope.signal.aborted) cancelRescan = clock.schedule(rescanInterval, again);
  };
  const again = () => {
    reading = reading.then(look);
  };
  const debounce = createDebounce({ quietMs, maxMs, clock, run: again });
  const watcher = createDirectoryWatcher(() => debounce.touch());
  scope.own(async () => {
    debounce.cancel();
    cancelRescan();
    watcher.close();
    await reading;
  });
  // Watched first: what changes while reading is then heard of.
  watcher.set([directory]);
  again();
  await reading;
}

function firstSyncOf(scope: Scope, links: readonly Link[], clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const disarm = clock.schedule(FIRST_SYNC_MS, resolve);
    void Promise.allSettled(links.map(({ synced }) => synced)).then(() => {
      disarm();
      resolve();
    });
    scope.own(disarm);
  });
}

function isSamePeer(a: Peer, b: Peer | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
