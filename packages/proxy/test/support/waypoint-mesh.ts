/**
 * A waypoint among real neighbours on loopback: a client that opens HBONE tunnels, endpoints that end HBONE in front of
 * real applications and remember the CONNECTs they received, and another network behind a gateway that sees outer tunnels
 * only. Every mesh has its own loopback addresses, so HBONE is on its own port everywhere and meshes do not meet.
 */
import { connect, createServer, type Socket } from 'node:net';
import type { AppProtocol, Authorization, LoadBalancing, Service, Store, Workload } from '@isthmus/sdk/discovery';
import {
  createHbonePool,
  createHboneServer,
  dialHbone,
  type HboneClientConnection,
  type HeaderField,
  type IncomingConnect,
  pump,
  type Tunnel,
} from '@isthmus/sdk/hbone';
import type { CertificateSource, WorkloadCertificate } from '@isthmus/sdk/identity';
import { createGatewayHealth, createOriginate } from '@isthmus/sdk/originate';
import { encodePeerBaggage, metadataOf } from '@isthmus/sdk/peer';
import { identityOf } from '@isthmus/sdk/routing';
import { type Clock, realClock, type Scope, silentLogger } from '@isthmus/sdk/runtime';
import { createTestAuthority, type TestAuthority } from '@isthmus/sdk/testing';
import { PORT } from '@isthmus/sdk/wire';
import { readSettings, type Settings } from '../../src/config.js';
import type { RunningRole } from '../../src/roles/role.js';
import { waypoint as waypointRole } from '../../src/roles/waypoint.js';
import type { RequestFacts, Telemetry } from '../../src/telemetry/types.js';
import { reserveBlock } from './loopback.js';
import { feed, service, storeOf, workload } from './model.js';
import { testTelemetry } from './telemetry.js';

export interface MeshInit {
  readonly appProtocol: AppProtocol;
  /** Ports of the applications behind local endpoints, one endpoint each. */
  readonly local?: readonly number[];
  /** Ports of the applications on the other network. */
  readonly remote?: readonly number[];
  /** Default true, at every proxy. */
  readonly baggage?: boolean;
  readonly policies?: readonly Authorization[];
  readonly loadBalancing?: LoadBalancing;
  /** The waypoint's; default the real one. */
  readonly clock?: Clock;
  /** In [0, 1); default deterministic and even. */
  readonly random?: () => number;
}

/** A CONNECT as a neighbour of the waypoint received it. */
export interface SeenConnect {
  readonly at: string;
  readonly authority: string | undefined;
  readonly peerIdentity: string;
  header(name: string): string | undefined;
}

export interface Endpoint {
  readonly record: Workload;
  /** Ends its HBONE server and every tunnel to it. */
  stop(): Promise<void>;
}

export interface Mesh {
  readonly store: Store;
  readonly running: RunningRole;
  readonly waypoint: Workload;
  readonly client: Workload;
  readonly service: Service;
  /** What the client asks for: the service's address and port. */
  readonly authority: string;
  readonly endpoints: readonly Endpoint[];
  readonly seen: readonly SeenConnect[];
  readonly telemetry: ReturnType<typeof testTelemetry>;
  readonly requests: readonly RequestFacts[];
  /** Resolves with the report of the nth request, in order of their ends. */
  request(index: number): Promise<RequestFacts>;
  /** Resolves when so many access log lines of connections have been written. */
  connectionsClosed(count: number): Promise<void>;
  /** Resolves when the waypoint has no open tunnel. */
  connectionsIdle(): Promise<void>;
  /** Resolves when it has one. */
  tunnelOpen(): Promise<void>;
  apply(records: Parameters<typeof feed>[1]): void;
  drain(): void;
  /** Opens a tunnel to the service as the client does, with the client's baggage. */
  open(more?: { readonly headers?: readonly HeaderField[]; readonly authority?: string }): Promise<Tunnel>;
  /** A loopback port whose every connection goes through a tunnel of its own to the service. */
  readonly port: number;
}

export async function startMesh(scope: Scope, init: MeshInit): Promise<Mesh> {
  const block = await reserveBlock(scope);
  const authority = await createTestAuthority();
  const certificates = certificatesOf(authority);
  const baggage = init.baggage ?? true;
  const seen: SeenConnect[] = [];

  const waypoint = workload({ name: 'waypoint', addresses: [`${block}.1`], nativeTunnel: true });
  const client = workload({ name: 'storefront', addresses: [`${block}.2`] });
  const reviews = service({
    name: 'reviews',
    addresses: [{ network: 'network-1', ip: `${block}.100` }],
    ports: [{ servicePort: 80, targetPort: 8080, appProtocol: init.appProtocol }],
    subjectAltNames: ['spiffe://cluster.local/ns/shop/sa/reviews'],
    waypoint: {
      destination: { kind: 'address', address: { network: 'network-1', ip: `${block}.1` } },
      hboneMtlsPort: PORT.hbone,
    },
    ...(init.loadBalancing && { loadBalancing: init.loadBalancing }),
  });
  const member = { services: new Map([[reviews.key, reviews.ports]]) };
  const reviewsAt = (index: number, more: Partial<Workload>) =>
    workload({
      name: `reviews-${index}`,
      workloadName: 'reviews',
      canonicalName: 'reviews',
      serviceAccount: 'reviews',
      ...member,
      ...more,
    });

  const local = (init.local ?? []).map((_, index) => reviewsAt(index, { addresses: [`${block}.${10 + index}`] }));
  const remote = (init.remote ?? []).map((_, index) =>
    reviewsAt(index, { addresses: [`${block}.${50 + index}`], network: 'network-2', clusterId: 'west' }),
  );
  const gateway = workload({ name: 'eastwest', addresses: [`${block}.40`], network: 'network-2', clusterId: 'west' });
  const standIn = workload({
    name: 'reviews-west',
    uid: `network-2/SplitHorizonWorkload/${reviews.key}`,
    network: 'network-2',
    clusterId: 'west',
    workloadName: '',
    canonicalName: '',
    canonicalRevision: '',
    workloadType: 'pod',
    capacity: Math.max(1, remote.length),
    networkGateway: {
      destination: { kind: 'address', address: { network: 'network-2', ip: `${block}.40` } },
      hboneMtlsPort: PORT.hbone,
    },
    ...member,
  });
  const ports = [...(init.local ?? []), ...(init.remote ?? [])];
  const endpoints = await Promise.all(
    [...local, ...remote].map((record, index) =>
      startEndpoint(scope, { record, appPort: ports[index] ?? 0, certificates, baggage, seen }),
    ),
  );
  if (remote.length > 0) await startGateway(scope, { record: gateway, backends: remote, certificates, seen });

  const store = storeOf({
    services: [reviews],
    workloads: [waypoint, client, ...local, ...(remote.length > 0 ? [gateway, standIn] : [])],
    ...(init.policies && { policies: init.policies }),
  });
  const telemetry = testTelemetry();
  const watch = watchTelemetry(telemetry.telemetry);
  const clock = init.clock ?? realClock;
  const draining = new AbortController();
  const listeners = new Set<() => void>();
  const settings = settingsOf(waypoint, baggage);
  const random = init.random ?? evenly();
  const gateways = createGatewayHealth(scope, { clock });
  const running = await waypointRole.start(scope, {
    settings,
    log: silentLogger,
    clock,
    random,
    certificates,
    telemetry: watch.telemetry,
    originate: createOriginate({
      pool: createHbonePool(scope, { clock }),
      certificates,
      clock,
      network: settings.network,
      baggage,
      gateways,
      sourceAddress: (source) => source.addresses[0],
    }),
    gateways,
    snapshot: () => store.snapshot,
    onSnapshot(owner, listener) {
      const call = () => listener(store.snapshot);
      listeners.add(call);
      owner.own(() => void listeners.delete(call));
    },
    drain: draining.signal,
  });

  const tunnels = await dial(scope, { client, waypoint, certificates });
  const clientBaggage: readonly HeaderField[] = baggage ? [['baggage', encodePeerBaggage(metadataOf(client))]] : [];
  const target = `${block}.100:80`;
  const open: Mesh['open'] = (more = {}) =>
    tunnels.connect({ authority: more.authority ?? target, headers: more.headers ?? clientBaggage });
  return {
    store,
    running,
    waypoint,
    client,
    service: reviews,
    authority: target,
    endpoints,
    seen,
    telemetry,
    requests: watch.requests,
    request: watch.request,
    connectionsClosed: watch.connectionsClosed,
    connectionsIdle: () => turnsUntil(() => running.openConnections() === 0),
    tunnelOpen: () => turnsUntil(() => running.openConnections() > 0),
    apply(records) {
      feed(store, records);
      for (const listener of listeners) listener();
    },
    drain: () => draining.abort(),
    open,
    port: await bridge(scope, open),
  };
}

function settingsOf(self: Workload, baggage: boolean): Settings {
  const result = readSettings('waypoint', {
    NETWORK: self.network,
    CLUSTER_ID: self.clusterId,
    INSTANCE_IP: self.addresses[0],
    PROXY_WORKLOAD_INFO: `${self.namespace}/${self.name}/${self.serviceAccount}`,
    AMBIENT_ENABLE_BAGGAGE: String(baggage),
  });
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.settings;
}

/** Draws that visit equal weights in turn. */
function evenly(): () => number {
  let turn = 0;
  return () => (turn++ * 0.618033988749895) % 1;
}

function certificatesOf(authority: TestAuthority): CertificateSource {
  const issued = new Map<string, Promise<WorkloadCertificate>>();
  return {
    certificate(identity) {
      const known = issued.get(identity) ?? authority.issue(identity);
      issued.set(identity, known);
      return known;
    },
    held: () => [],
  };
}

interface NeighbourInit {
  readonly record: Workload;
  readonly certificates: CertificateSource;
  readonly seen: SeenConnect[];
}

async function listenAs(
  scope: Scope,
  { record, certificates, seen }: NeighbourInit,
  onConnect: (incoming: IncomingConnect) => Promise<void>,
): Promise<void> {
  const server = createHboneServer(scope, {
    certificate: () => certificates.certificate(identityOf(record)),
    async onConnect(incoming) {
      const { authority, headers, connection } = incoming;
      seen.push({
        at: record.name,
        authority,
        peerIdentity: connection.peerIdentity,
        header: (name) => headers.get(name),
      });
      await onConnect(incoming);
    },
    clock: realClock,
    log: silentLogger,
  });
  await server.listen({ host: record.addresses[0] ?? '', port: PORT.hbone });
}

/** What a ztunnel does at the destination, without policy: TCP to the application, then 200 with its metadata. */
async function startEndpoint(
  parent: Scope,
  init: NeighbourInit & { readonly appPort: number; readonly baggage: boolean },
): Promise<Endpoint> {
  const scope = parent.child();
  await listenAs(scope, init, async (incoming) => {
    const socket = await dialTcp('127.0.0.1', init.appPort);
    if (socket === undefined) return incoming.refuse(503);
    const own: readonly HeaderField[] = [['baggage', encodePeerBaggage(metadataOf(init.record))]];
    await pump(incoming.accept(init.baggage ? own : []), socket);
  });
  return { record: init.record, stop: () => scope.close() };
}

/** Ends outer tunnels and pipes what is in them to one backend after the other. */
async function startGateway(
  scope: Scope,
  init: NeighbourInit & { readonly backends: readonly Workload[] },
): Promise<void> {
  let turn = 0;
  await listenAs(scope, init, async (incoming) => {
    const backend = init.backends[turn++ % init.backends.length];
    const socket = await dialTcp(backend?.addresses[0] ?? '', PORT.hbone);
    if (socket === undefined) return incoming.refuse(503);
    await pump(incoming.accept(), socket);
  });
}

function dialTcp(host: string, port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}

async function dial(
  scope: Scope,
  { client, waypoint, certificates }: { client: Workload; waypoint: Workload; certificates: CertificateSource },
): Promise<HboneClientConnection> {
  const connection = await dialHbone({
    target: { host: waypoint.addresses[0] ?? '', port: PORT.hbone, localAddress: client.addresses[0] ?? '' },
    certificate: await certificates.certificate(identityOf(client)),
    expected: [identityOf(waypoint)],
    clock: realClock,
  });
  scope.own(() => connection.close());
  return connection;
}

async function bridge(scope: Scope, open: Mesh['open']): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, async (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    try {
      await pump(socket, (await open()).stream);
    } catch {
      socket.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.own(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}

/** For what nothing announces: each turn of the loop lets what is under way go on. */
async function turnsUntil(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

/** The real telemetry, and ways to wait for it. */
function watchTelemetry(real: Telemetry) {
  const requests: RequestFacts[] = [];
  let closed = 0;
  const waiting: (() => void)[] = [];
  const wake = () => {
    for (const next of waiting.splice(0)) next();
  };
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const telemetry: Telemetry = {
    ...real,
    request(facts) {
      real.request(facts);
      requests.push(facts);
      wake();
    },
    connection(facts) {
      const record = real.connection(facts);
      return {
        ...record,
        close(outcome) {
          record.close(outcome);
          closed++;
          wake();
        },
      };
    },
  };
  return {
    telemetry,
    requests,
    async request(index: number): Promise<RequestFacts> {
      await until(() => requests.length > index);
      const found = requests[index];
      if (!found) throw new Error('no such request');
      return found;
    },
    connectionsClosed: (count: number) => until(() => closed >= count),
  };
}
