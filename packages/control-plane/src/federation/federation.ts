/**
 * Peers as they are in the directory, each with a link to it and admitted as a receiver. A file that appears adds a peer,
 * one that goes revokes it: its workloads leave the model and its streams end in the same turn.
 */
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { discoveryService } from '@isthmus/sdk/wire';
import { type CaStore, createServing } from '../ca/index.js';
import type { FederationSettings, Settings } from '../config.js';
import type { ClusterModel } from '../model/index.js';
import { GRPC_OPTIONS, type SubscriptionStatus, shutdownGrpc } from '../xds/index.js';
import { createExchange, peeringService } from './exchange.js';
import { createExporter } from './exporter.js';
import { followDirectory } from './follow.js';
import { controlPlaneIdentity } from './identity.js';
import type { Link, LinkStatus } from './link.js';
import { createPeers } from './peers.js';
import { createReceivers, type Receivers } from './receivers.js';
import type { Peer } from './records.js';
import { createFederationState } from './state.js';

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
}

/** A peer that is away at start holds up nobody for longer. */
const FIRST_SYNC_MS = 5_000;

export async function createFederation(scope: Scope, init: FederationInit): Promise<Federation> {
  const { settings, store, clock, log } = init;
  const { clusterId: cluster, trustDomain, sources, federation } = settings;
  const state = createFederationState(federation.directory);
  await state.prepare();
  const exporter = createExporter();
  const isTaken = (id: string) => id === cluster || sources.some((source) => source.cluster === id);
  const receivers = createReceivers({ exporter, peer: (id) => peers.get(id), signal: scope.signal, clock, log });
  const peers = createPeers(scope, {
    ...init,
    cluster,
    certificate: () => serving.current,
    isTaken,
    onRevoked: receivers.disconnect,
    onChanged: () => serving.refresh(),
  });
  const serving = await createServing(scope, {
    hosts: settings.serverNames,
    identity: controlPlaneIdentity(trustDomain, cluster),
    clientRoots: () => [store.current.roots, ...peers.links().map(({ peer }) => peer.roots)].join(''),
    ttlMs: settings.ca.workloadCertTtl,
    store,
    clock,
    log,
  });
  await followDirectory(scope, { ...init, directory: state.peersDirectory, read: state.peers, follow: peers.follow });
  const configured = sources.find((source) => source.cluster === cluster)?.network ?? '';
  const own = () => {
    const network = exporter.network ?? configured;
    return { cluster, network, trustDomain, roots: store.current.roots, address: federation.address };
  };
  const exchange = createExchange({ own, state, isTaken, now: () => clock.now(), log });
  const port = await listen(scope, {
    at: federation.listen,
    credentials: serving.credentials,
    receivers,
    exchange,
    clock,
  });
  return {
    port,
    firstSync: firstSyncOf(scope, peers.links(), clock),
    publish: exporter.publish,
    status: () =>
      peers.links().map((link) => {
        const { roots: _, ...peer } = link.peer;
        return { ...peer, ...link.status(), receives: receivers.status(peer.cluster) };
      }),
  };
}

interface ListenInit {
  readonly at: FederationSettings['listen'];
  readonly credentials: ServerCredentials;
  readonly receivers: Receivers;
  readonly exchange: ReturnType<typeof createExchange>;
  readonly clock: Clock;
}

/** Resolves with the port. */
function listen(
  scope: Scope,
  { at: { host, port }, credentials, receivers, exchange, clock }: ListenInit,
): Promise<number> {
  const server = new Server({ ...GRPC_OPTIONS, interceptors: [receivers.interceptor] });
  scope.own(() => shutdownGrpc(server, clock));
  server.addService(discoveryService, { deltaAggregatedResources: receivers.handler });
  server.addService(peeringService, exchange);
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(at, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
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
