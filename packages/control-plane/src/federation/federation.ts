/**
 * Peers as they are in the directory, each with a link to it and admitted as a receiver. A file that appears adds a peer,
 * one that goes revokes it: its workloads leave the model and its streams end in the same turn.
 */
import { Server, type ServerCredentials, type ServerInterceptor } from '@grpc/grpc-js';
import type { TrustBundles } from '@isthmus/sdk/identity';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { discoveryService } from '@isthmus/sdk/wire';
import { type CaStore, createServing, type ForeignBundle } from '../ca/index.js';
import { type FederationSettings, paceOf, type Settings } from '../config.js';
import { followDirectories } from '../files/index.js';
import type { ClusterModel } from '../model/index.js';
import { bindGrpc, GRPC_OPTIONS, type SubscriptionStatus, shutdownGrpc } from '../xds/index.js';
import type { FederationEvent } from './events.js';
import { createExchange, peeringService } from './exchange.js';
import { createExporter, type ExportedView, type Exporter } from './exporter.js';
import { GATEWAYS } from './exports.js';
import { controlPlaneIdentity } from './identity.js';
import type { Link, LinkStatus } from './link.js';
import { createPeers } from './peers.js';
import { createReceivers, type Receivers } from './receivers.js';
import type { KnownPeer, Peer } from './records.js';
import { createSavedImports } from './saved/index.js';
import type { PeerScope } from './scope.js';
import { createFederationState } from './state.js';
import { createStrangers } from './strangers.js';
import { whyNotOfTrustDomain } from './trust-domains.js';

export interface FederationInit {
  readonly settings: Settings & { readonly federation: FederationSettings };
  readonly store: CaStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whose roots count for which trust domain now. */
  readonly bundles: () => TrustBundles;
  /** What peers export, after each change; in the order of clusters. */
  readonly onImports: (clusters: readonly ClusterModel[]) => void;
  /** Whose roots vouch for the workloads of peers, after each change. */
  readonly onTrust: (bundles: readonly ForeignBundle[]) => void;
  readonly observe: (event: FederationEvent) => void;
}

export interface PeerStatus extends LinkStatus, Omit<KnownPeer, 'roots' | 'anchors'> {
  /** What the peer has of this cluster's exports, one entry per stream of it. */
  readonly receives: readonly (readonly SubscriptionStatus[])[];
  /** How much it is told, once it has it; undefined before there is anything to tell. */
  readonly exported: Pick<LinkStatus, 'services' | 'workloads' | 'gateways'> | undefined;
}

export interface Federation {
  readonly port: number;
  /** Resolves when of every peer there was at start is known what can be known soon, or after 5 s. */
  readonly firstSync: Promise<void>;
  /** The own cluster as it is now. */
  publish(cluster: ClusterModel): void;
  status(): readonly PeerStatus[];
  /** By peer, what it may know of the exports. */
  scopes(): readonly { readonly peer: string; readonly scope: PeerScope }[];
}

/** A peer that is away at start holds up nobody for longer. */
const FIRST_SYNC_MS = 5_000;

export async function createFederation(scope: Scope, init: FederationInit): Promise<Federation> {
  const { settings, store, clock, log } = init;
  const { clusterId: cluster, sources, federation } = settings;
  const state = createFederationState(federation.directory);
  await state.prepare();
  const exporter = createExporter(federation.exports);
  let look = async () => {};
  const isTaken = (id: string) => id === cluster || sources.some((source) => source.cluster === id);
  const receivers = createReceivers({ ...init, exporter, peer: (id) => peers.get(id), signal: scope.signal });
  const peers = createPeers(scope, {
    ...init,
    cluster,
    certificate: () => serving.current,
    isTaken,
    saved: createSavedImports(state.importsDirectory, log),
    maxAgeMs: federation.maxImportAge,
    onRoots: (peer, roots) =>
      void state.renewRoots(peer, roots).then(look, (error: unknown) => {
        log.error({ err: error, cluster: peer.cluster }, 'roots of a peer cannot be saved');
      }),
    disconnect: receivers.disconnect,
    named: federation.exports.map(({ peer }) => peer),
    onChanged: () => {
      serving.refresh();
      init.onTrust(peers.links().map(bundleOf));
    },
  });
  const serving = await createServing(scope, {
    hosts: settings.serverNames,
    identity: controlPlaneIdentity(settings.trustDomain, cluster),
    clientRoots: () => [store.current.roots, ...peers.links().map(({ peer }) => peer.roots)].join(''),
    ttlMs: settings.ca.workloadCertTtl,
    store,
    clock,
    log,
  });
  look = await followDirectories(scope, {
    ...paceOf(settings),
    clock,
    directories: state.peerDirectories,
    look: () =>
      state
        .peers()
        .then((found) => {
          // Who is found while closing would be linked to nothing.
          if (!scope.signal.aborted) peers.follow(found);
        })
        .catch((error: unknown) => log.error({ err: error }, 'peers could not be read')),
  });
  tellOfRoots(store, () => {
    for (const { peer } of peers.links()) receivers.disconnect(peer.cluster);
  });
  const own = () => ownRecord(settings, store, exporter.network);
  const exchange = createExchange({
    own,
    state,
    isTaken,
    judge: (peer) => whyNotOfTrustDomain(peer, { trustDomain: settings.trustDomain, bundles: init.bundles() }),
    letIn: () => look(),
    now: () => clock.now(),
    log,
  });
  const port = await listen(scope, {
    at: federation.listen,
    credentials: serving.credentials,
    receivers,
    strangers: createStrangers({ own, isInviting: () => state.isInviting(clock.now()), clock }),
    exchange,
    clock,
  });
  return {
    port,
    firstSync: firstSyncOf(scope, peers.links(), clock),
    publish: exporter.publish,
    status: () => peers.links().map((link) => statusOf(link, exporter, receivers)),
    scopes: () => peers.links().map(({ peer }) => ({ peer: peer.cluster, scope: exporter.audienceOf(peer).scope })),
  };
}

/** As which this cluster is known to its peers; before its objects were read, its network is the configured one. */
function ownRecord(
  { clusterId: cluster, trustDomain, sources, federation }: FederationInit['settings'],
  store: CaStore,
  derived: string | undefined,
): Peer {
  const network = derived ?? sources.find((source) => source.cluster === cluster)?.network ?? '';
  return { cluster, network, trustDomain, roots: store.current.roots, address: federation.address };
}

function bundleOf({ peer: { trustDomain, roots } }: Link): ForeignBundle {
  return { trustDomain, roots };
}

function statusOf(link: Link, exporter: Exporter, receivers: Receivers): PeerStatus {
  const { roots: _, anchors: __, ...peer } = link.peer;
  const exported = countExported(exporter.current(exporter.audienceOf(peer)));
  return { ...peer, ...link.status(), receives: receivers.status(peer.cluster), exported };
}

function countExported(exported: ExportedView | undefined): PeerStatus['exported'] {
  if (!exported) return undefined;
  const { services, namespaces, workloads } = exported.view;
  const gateways = namespaces.get(GATEWAYS)?.workloads.size ?? 0;
  return { services: services.size, workloads: workloads.size - gateways, gateways };
}

interface ListenInit {
  readonly at: FederationSettings['listen'];
  readonly credentials: ServerCredentials;
  readonly receivers: Receivers;
  readonly strangers: ServerInterceptor;
  readonly exchange: ReturnType<typeof createExchange>;
  readonly clock: Clock;
}

/** Resolves with the port. */
function listen(scope: Scope, { at, credentials, receivers, strangers, exchange, clock }: ListenInit): Promise<number> {
  const server = new Server({ ...GRPC_OPTIONS, interceptors: [receivers.interceptor, strangers] });
  scope.own(() => shutdownGrpc(server, clock));
  server.addService(discoveryService, { deltaAggregatedResources: receivers.handler });
  server.addService(peeringService, exchange);
  return bindGrpc(server, { setting: 'federation.listen', ...at }, credentials);
}

/** Saved imports are there in a moment; what the peers say themselves is better, and waited for, though not for long. */
async function firstSyncOf(scope: Scope, links: readonly Link[], clock: Clock): Promise<void> {
  const isLate = new Promise<void>((resolve) => {
    scope.own(clock.schedule(FIRST_SYNC_MS, resolve));
  });
  await Promise.all(links.map(({ restored }) => restored));
  await Promise.race([isLate, Promise.all(links.map(({ settled }) => settled))]);
}

/** Peers ask for the roots when they connect; so they are told of others by being made to. */
function tellOfRoots(store: CaStore, reconnect: () => void): void {
  let told = store.current.roots;
  store.onReplaced(() => {
    if (store.current.roots === told) return;
    told = store.current.roots;
    reconnect();
  });
}
