/**
 * The control plane at size, against what it would be without its indexes, shards and shared bytes. Each case answers
 * rounds: what it cost the subject and the peer, next to each other. Time is CPU of this process unless said; `bytes` are
 * exact and need one round.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { create } from '@bufbuild/protobuf';
import { discoveryPb, RESOURCE_TYPES } from '@isthmus/sdk/wire';
import type { DerivedCluster, Model } from '../src/model/index.js';
import { project, type View } from '../src/projection/index.js';
import { createSession, createViews, type Session, type VersionedView, type Views } from '../src/xds/index.js';
import { encodeNaively } from './naive.js';
import { push } from './push.js';
import { createWorld, deriveAnew, type World } from './world.js';

export interface Sizes {
  /** Of 100 workloads each. */
  readonly namespaces: number;
  readonly clients: number;
  /** Clients that the peer of the full push really serves; what they take is scaled to all of them. */
  readonly peerClients: number;
  /** Of 10 services each, in each of three networks. */
  readonly projectionNamespaces: number;
  readonly changes: number;
}

export interface Round {
  readonly subject: number;
  readonly peer: number;
}

export interface XdsCase {
  readonly id: string;
  readonly subject: string;
  readonly peer: string;
  readonly unit: 'seconds' | 'CPU seconds' | 'bytes' | 'bytes per workload';
  /** Ratios under this fail the gate; undefined when the figure is only reported. */
  readonly floor?: number;
  run(rounds: number): Promise<readonly Round[]>;
}

const CLUSTER = 'east';

/** `thousands` of workloads, as ids say it. */
export function xdsCases(sizes: Sizes): readonly XdsCase[] {
  const size = `${(sizes.namespaces * 100) / 1000}k`;
  return [
    {
      id: `xds.full.${size}.x${sizes.clients}`,
      subject: `full push of ${size} workloads to ${sizes.clients} clients over gRPC`,
      peer: naivePeer(sizes),
      unit: 'seconds',
      floor: 8,
      run: (rounds) => fullPush(sizes, rounds),
    },
    {
      id: `xds.one.${size}.bytes`,
      subject: 'what one client is sent when one endpoint changes',
      peer: 'everything',
      unit: 'bytes',
      floor: 100,
      run: () => oneChangeBytes(sizes),
    },
    {
      id: `xds.one.${size}.cpu`,
      subject: `one endpoint changes: model, view, bytes and ${sizes.clients} clients`,
      peer: 'the same from nothing',
      unit: 'CPU seconds',
      // What is saved grows with the size; a tenth of it saves less.
      floor: sizes.namespaces >= 1_000 ? 100 : 50,
      run: (rounds) => oneChangeCpu(sizes, rounds),
    },
    {
      id: `xds.reconnect.${size}`,
      subject: 'what a client is sent that comes back with its versions',
      peer: 'its first connect',
      unit: 'bytes',
      floor: 50,
      run: () => reconnect(sizes),
    },
    {
      id: 'projection.incremental',
      subject: `one of ${sizes.projectionNamespaces * 10} services x 3 networks becomes global: model and view`,
      peer: 'the view from nothing',
      unit: 'CPU seconds',
      floor: 20,
      run: (rounds) => incremental(sizes, rounds),
    },
    {
      id: `memory.${size}`,
      subject: `heap for each workload, after ${sizes.changes} changes`,
      peer: '2 KiB',
      unit: 'bytes per workload',
      run: () => memory(sizes),
    },
  ];
}

/**
 * Encoding is nearly all that it does, one client after the other; so what it takes grows with the clients, and at full size a
 * part of them stands for all.
 */
function naivePeer({ clients, peerClients }: Sizes): string {
  const naive = 'the same, encoded for each client';
  return clients === peerClients ? naive : `${naive}: measured with ${peerClients}, times ${clients / peerClients}`;
}

async function fullPush({ namespaces, clients, peerClients }: Sizes, rounds: number): Promise<readonly Round[]> {
  const { views } = publishWorld(createWorld({ id: CLUSTER, network: 'network-1', namespaces }, true));
  const view = current(views);
  const subject = () =>
    push(clients, async (write) => {
      const session = subscribed();
      for (let next = session.next(view); next; next = session.next(view)) await write(next.bytes);
    });
  const peer = () =>
    push(peerClients, async (write) => {
      for (const bytes of encodeNaively(view.view)) await write(bytes);
    });
  return interleave(
    rounds,
    async () => (await subject()).seconds,
    async () => ((await peer()).seconds * clients) / peerClients,
  );
}

async function oneChangeBytes({ namespaces }: Sizes): Promise<readonly Round[]> {
  const world = createWorld({ id: CLUSTER, network: 'network-1', namespaces }, true);
  const { views, publish } = publishWorld(world);
  const session = subscribed();
  const everything = bytesOf(session, current(views));
  publish(world.setReady(0, 0, false));
  return [{ subject: bytesOf(session, current(views)), peer: everything }];
}

async function oneChangeCpu({ namespaces, clients }: Sizes, rounds: number): Promise<readonly Round[]> {
  const world = createWorld({ id: CLUSTER, network: 'network-1', namespaces }, true);
  const { views, publish } = publishWorld(world);
  const sessions = Array.from({ length: clients }, subscribed);
  for (const session of sessions) bytesOf(session, current(views));
  let ready = true;
  const change = (index: number) => {
    ready = !ready;
    publish(world.setReady(index % namespaces, 0, ready));
    for (const session of sessions) bytesOf(session, current(views));
  };
  // A source of bytes that remembers nothing: all of it derived, projected, encoded and compared for each client.
  const anew = () => {
    const fresh = createViews(CLUSTER);
    fresh.publish(modelOf(deriveAnew(world.cluster)));
    for (const session of sessions) bytesOf(session, withoutJournal(current(fresh)));
  };
  return interleave(
    rounds,
    () => cpuOf(() => repeat(20, change)),
    () => cpuOf(() => repeat(1, anew)),
  );
}

async function reconnect({ namespaces }: Sizes): Promise<readonly Round[]> {
  const { views } = publishWorld(createWorld({ id: CLUSTER, network: 'network-1', namespaces }, true));
  const view = current(views);
  const first = bytesOf(subscribed(), view);
  const held = Object.fromEntries([...view.resources.address.values()].map(({ name, version }) => [name, version]));
  return [{ subject: bytesOf(subscribed(held), view), peer: first }];
}

async function incremental({ projectionNamespaces: namespaces }: Sizes, rounds: number): Promise<readonly Round[]> {
  const [own, ...others] = [1, 2, 3].map((index) =>
    createWorld({ id: `cluster-${index}`, network: `network-${index}`, namespaces }, index === 1),
  );
  if (!own) throw new Error('no cluster');
  const viewer = { cluster: own.cluster.id, role: 'ztunnel' } as const;
  const remote = others.map(({ cluster }) => cluster);
  let view: View = project(modelOf(own.cluster, ...remote), viewer);
  let isGlobal = false;
  const change = (index: number) => {
    isGlobal = !isGlobal;
    view = project(modelOf(own.setGlobal(index % namespaces, 1, isGlobal), ...remote), viewer, view);
  };
  return interleave(
    rounds,
    () => cpuOf(() => repeat(20, change)),
    () => cpuOf(() => repeat(1, () => project(modelOf(own.cluster, ...remote), viewer))),
  );
}

const TWO_KIB = 2048;
const JOURNAL_VIEWS = 1_100;

async function memory({ namespaces, changes }: Sizes): Promise<readonly Round[]> {
  const before = heap();
  const world = createWorld({ id: CLUSTER, network: 'network-1', namespaces }, true);
  const { views, publish } = publishWorld(world);
  const session = subscribed();
  bytesOf(session, current(views));
  const change = (index: number) => {
    publish(world.setReady((index * 7919) % namespaces, (index * 104_729) % 100, index % 3 !== 0));
    bytesOf(session, current(views));
  };
  // The journal of changes fills first; it is bounded and counts as part of what is held.
  repeat(JOURNAL_VIEWS, change);
  const built = heap();
  repeat(changes, change);
  const after = heap();
  if (after - built > (built - before) / 10) {
    throw new Error(`the heap grew by ${after - built} bytes over ${changes} changes, of ${built - before}`);
  }
  return [{ subject: (after - before) / (namespaces * 100), peer: TWO_KIB }];
}

function publishWorld(world: World): { readonly views: Views; readonly publish: (cluster: DerivedCluster) => void } {
  const views = createViews(CLUSTER);
  const publish = (cluster: DerivedCluster) => views.publish(modelOf(cluster));
  publish(world.cluster);
  return { views, publish };
}

function modelOf(...clusters: readonly DerivedCluster[]): Model {
  return { clusters: new Map(clusters.map((cluster) => [cluster.id, cluster])) };
}

function current(views: Views) {
  const view = views.current('ztunnel');
  if (!view) throw new Error('nothing was published');
  return view;
}

/** A ztunnel that has asked for all addresses. */
function subscribed(initialResourceVersions: Readonly<Record<string, string>> = {}): Session {
  const session = createSession({ id: 'bench' });
  const { typeUrl } = RESOURCE_TYPES.address;
  session.receive(create(discoveryPb.DeltaDiscoveryRequestSchema, { typeUrl, initialResourceVersions }));
  return session;
}

/** Brings the session up to the view; answers the bytes that took. */
function bytesOf(session: Session, view: VersionedView): number {
  let bytes = 0;
  for (let next = session.next(view); next; next = session.next(view)) bytes += next.bytes.length;
  return bytes;
}

function withoutJournal(view: VersionedView): VersionedView {
  return {
    version: view.version,
    resources: view.resources,
    addressIndex: view.addressIndex,
    changesSince: () => undefined,
  };
}

function repeat(times: number, run: (index: number) => void): number {
  for (let index = 0; index < times; index++) run(index);
  return times;
}

/** CPU seconds of one of the runs. */
async function cpuOf(run: () => number | undefined): Promise<number> {
  const before = process.cpuUsage();
  const times = run() ?? 1;
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / times;
}

/** The order is turned round each round. */
async function interleave(
  rounds: number,
  subject: () => Promise<number>,
  peer: () => Promise<number>,
): Promise<readonly Round[]> {
  const results: Round[] = [];
  // Once for the compiler.
  await subject();
  await peer();
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) results.push({ subject: await subject(), peer: await peer() });
    else {
      const peerTook = await peer();
      results.push({ subject: await subject(), peer: peerTook });
    }
  }
  return results;
}

const collectGarbage = exposedGc();

function exposedGc(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

function heap(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
