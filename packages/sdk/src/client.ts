/**
 * A program as a member of the mesh, with no proxy beside it: its own identity, its own view of the mesh, and connections
 * to services by name, over HBONE, across networks, with the peer verified and described.
 *
 * Bounds: one discovery stream, one certificate, the pool's connections (`hbone/limits.ts`). Refuses what routing refuses:
 * a name nobody has, a service without a usable endpoint, a peer that proves another identity.
 */
import type { ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import { createDiscoveryClient, createStore, proxyNode, type Snapshot, type Workload } from './discovery/index.js';
import { createHbonePool } from './hbone/index.js';
import {
  createCaClient,
  createCertificateManager,
  createTrust,
  followTrustBundles,
  type Revocations,
} from './identity/index.js';
import { createGatewayHealth, createOriginate, createSourceAddresses, type Originate } from './originate/index.js';
import type { Peer } from './peer/index.js';
import { formatSocketAddress, type Plan, planOutbound } from './routing/index.js';
import {
  type Clock,
  type ControlPlaneAccess,
  createScope,
  type Logger,
  realClock,
  type Scope,
  silentLogger,
} from './runtime/index.js';
import { Fault } from './wire/index.js';

export interface MeshClientInit {
  /** The workload this program is, as the control plane has it on record. */
  readonly workload: { readonly namespace: string; readonly name: string; readonly serviceAccount: string };
  /** Discovery, and certificates unless `ca` says otherwise. */
  readonly controlPlane: ControlPlaneAccess;
  readonly ca?: ControlPlaneAccess;
  /** Own network. Default "", the network of a mesh that has only one. */
  readonly network?: string;
  /** Default `Kubernetes`, as in Istio. */
  readonly clusterId?: string;
  /** Whether to describe this workload to peers and to read what they say. Default true. */
  readonly baggage?: boolean;
  /** With them, peers whose certificate is on a list are refused, and lose the connections they have. */
  readonly revocations?: Revocations;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly random?: () => number;
}

export interface MeshTarget {
  /** `reviews`, `reviews.shop`, `reviews.shop.svc.cluster.local`, or an address. */
  readonly host: string;
  readonly port: number;
  readonly signal?: AbortSignal;
}

export interface MeshConnection {
  readonly stream: Duplex;
  /** Who serves: principal from its certificate, the rest from the registry or its own word. */
  readonly peer: Peer;
  readonly mutualTls: boolean;
}

export interface MeshClient {
  /** Rejects with a `Fault`, whose code and hint say what to do. */
  connect(target: MeshTarget): Promise<MeshConnection>;
  /** For `http.request({ createConnection: mesh.createConnection, host, port })`. */
  readonly createConnection: (
    options: ClientRequestArgs,
    done: (error: Error | null, stream: Duplex) => void,
  ) => undefined;
  /** What `connect` would do now, with every candidate and why it was taken or not. */
  explain(target: MeshTarget): Plan;
  /** The newest view of the mesh. */
  snapshot(): Snapshot;
  /** Ends every connection, those that no tunnel carries included; none is made any more. Idempotent. */
  close(): Promise<void>;
}

/** A timer's longest delay. */
const FOREVER_MS = 2 ** 31 - 1;

/**
 * Resolves after the first sync, however long the control plane is away; the log says why. Rejects with the reason of
 * `signal` when that aborts first, and nothing is left open then. Until it is closed the process lives.
 */
export async function createMeshClient(init: MeshClientInit, signal?: AbortSignal): Promise<MeshClient> {
  signal?.throwIfAborted();
  const { network = '', clock = realClock, log = silentLogger, random = Math.random, workload, controlPlane } = init;
  const scope = createScope();
  const close = () => scope.close();
  // Clocks keep no process alive: between two attempts to reach the control plane the program would end, without a word.
  const alive = setInterval(() => {}, FOREVER_MS);
  scope.own(() => clearInterval(alive));
  signal?.addEventListener('abort', close, { once: true });
  const store = createStore();
  const ca = init.ca ?? controlPlane;
  const trust = createTrust();
  const certificates = createCertificateManager(scope, {
    ca: createCaClient({ ...ca, asks: 'own' }),
    trust,
    clock,
    log,
    random,
  });
  followTrustBundles(scope, { access: ca, trust, clock, log, random });
  const discovery = createDiscoveryClient(scope, { ...controlPlane, node: nodeOf(init), store, clock, log, random });
  const originate = createOriginate({
    pool: createHbonePool(scope, { clock, random, revocations: init.revocations }),
    certificates,
    clock,
    network,
    baggage: init.baggage ?? true,
    gateways: createGatewayHealth(scope, { clock, log, random }),
    sourceAddress: createSourceAddresses(clock),
  });
  try {
    await discovery.ready;
  } catch (error) {
    await close();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', close);
  }
  const self = () => ownRecord(store.snapshot, workload);
  const explain = (target: MeshTarget) =>
    planFor(target, { source: self(), snapshot: store.snapshot, network, random });
  const connect = async (target: MeshTarget) => {
    if (scope.signal.aborted) throw new Fault('CLIENT_GONE', 'this mesh client is closed');
    const connection = await follow(explain(target), { target, source: self(), originate });
    // Tunnels end with the pool.
    if (!connection.mutualTls) closeWith(scope, connection.stream);
    return connection;
  };
  return { connect, explain, close, snapshot: () => store.snapshot, createConnection: connector(connect) };
}

/** Kept until the snapshot changes: looking through all workloads for each connection would not do. */
const found = new WeakMap<Snapshot, Workload>();

function ownRecord(snapshot: Snapshot, { namespace, name, serviceAccount }: MeshClientInit['workload']): Workload {
  const known = found.get(snapshot);
  if (known) return known;
  for (const workload of snapshot.workloads()) {
    if (workload.namespace !== namespace || workload.name !== name || workload.serviceAccount !== serviceAccount)
      continue;
    found.set(snapshot, workload);
    return workload;
  }
  const who = `${namespace}/${name} with service account ${serviceAccount}`;
  throw new Fault('LOCAL_WORKLOAD_UNKNOWN', `the control plane has no record of ${who}`);
}

interface View {
  readonly snapshot: Snapshot;
  readonly source: Workload;
  readonly network: string;
  readonly random: () => number;
}

function planFor({ host, port }: MeshTarget, { snapshot, ...view }: View): Plan {
  return planOutbound(snapshot, { ...view, target: { kind: 'hostname', hostname: host, port } });
}

interface Errand {
  readonly target: MeshTarget;
  readonly source: Workload;
  readonly originate: Originate;
}

async function follow(plan: Plan, { target, source, originate }: Errand): Promise<MeshConnection> {
  if (plan.kind === 'refuse') throw new Fault(plan.fault, plan.reason);
  const clientIp = source.addresses[0] ?? '127.0.0.1';
  const { destination, mutualTls, duplex } = await originate(plan, {
    source,
    clientIp,
    // No socket stands for this client, so no port either.
    clientAddress: formatSocketAddress(clientIp, 0),
    ...(target.signal && { signal: target.signal }),
  });
  return { stream: duplex(), peer: destination, mutualTls };
}

function closeWith(scope: Scope, stream: Duplex): void {
  const release = scope.own(() => void stream.destroy());
  stream.once('close', () => void release());
}

function connector(connect: MeshClient['connect']): MeshClient['createConnection'] {
  return ({ host, port }, done) => {
    // On failure there is no stream to hand over, which the type of node:http has no way to say.
    const fail = (error: unknown) =>
      done(error instanceof Error ? error : new Error(String(error)), undefined as never);
    connect({ host: host ?? '', port: Number(port) }).then(({ stream }) => done(null, stream), fail);
    return undefined;
  };
}

function nodeOf({ workload, network = '', clusterId = 'Kubernetes' }: MeshClientInit) {
  const { namespace, name } = workload;
  const metadata = { CLUSTER_ID: clusterId, NETWORK: network };
  return proxyNode({ type: 'ztunnel', ip: '127.0.0.1', pod: name, namespace, metadata });
}
