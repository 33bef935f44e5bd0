import { createServer } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDiscoveryClient,
  createStore,
  type DiscoveryClientInit,
  type DiscoveryObserver,
  proxyNode,
  type Snapshot,
} from '../../../src/discovery/index.js';
import { type ControlPlaneTrust, createLogger, createScope, type Scope } from '../../../src/runtime/index.js';
import { createTestAuthority, createVirtualClock } from '../../../src/testing.js';
import { type AcceptedStream, startControlPlane, type TestControlPlane } from '../../support/control-plane.js';
import { createInbox } from '../../support/inbox.js';
import { createServerCertificates } from '../../support/server-certificates.js';
import {
  ADDRESS_URL,
  AUTHORIZATION_URL,
  authorizationResource,
  workloadResource,
} from '../../support/xds-resources.js';

const certificates = await createServerCertificates();
const node = proxyNode({ type: 'ztunnel', ip: '10.0.0.1', pod: 'zt-1', namespace: 'istio-system' });

let scope: Scope;
let server: TestControlPlane;

beforeEach(async () => {
  scope = createScope();
  server = await startControlPlane({ certificates });
  scope.own(() => server.stop());
});

afterEach(() => scope.close());

/** A client of `server` with everything a test may want to wait for. */
function connect(
  init: Omit<Partial<DiscoveryClientInit>, 'roots' | 'certificate'> = {},
  trust: ControlPlaneTrust = { roots: certificates.rootPem },
) {
  const store = createStore();
  const snapshots = createInbox<Snapshot>();
  const ends = createInbox<string>();
  const lines: { level: string; message: string }[] = [];
  const log = createLogger({ destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const observer: DiscoveryObserver = { terminated: (reason) => ends.put(reason) };
  const client = createDiscoveryClient(scope, {
    address: server.address,
    node,
    store,
    log,
    observer,
    onSnapshot: (snapshot) => snapshots.put(snapshot),
    random: () => 0.5,
    ...init,
    ...trust,
  });
  return { client, store, snapshots, ends, lines };
}

/** Takes the two first requests and answers both with nothing. */
async function greet(stream: AcceptedStream) {
  const first = [await stream.requests.next(), await stream.requests.next()];
  for (const { typeUrl } of first) stream.send({ typeUrl, nonce: `first ${typeUrl}` });
  await stream.requests.next();
  await stream.requests.next();
  return first;
}

describe('a discovery client', () => {
  it('subscribes to both types, applies what comes, acknowledges it, and is ready', async () => {
    const { client, snapshots } = connect();
    const stream = await server.streams.next();
    const first = [await stream.requests.next(), await stream.requests.next()];

    stream.send({ typeUrl: ADDRESS_URL, nonce: 'a1', resources: [workloadResource({ uid: 'w', network: 'n1' })] });
    stream.send({ typeUrl: AUTHORIZATION_URL, nonce: 'p1', resources: [authorizationResource({ name: 'p' })] });
    await client.ready;

    expect(first.map(({ typeUrl, node: asked }) => [typeUrl, asked?.id])).toEqual([
      [ADDRESS_URL, node.id],
      [AUTHORIZATION_URL, node.id],
    ]);
    const replies = [await stream.requests.next(), await stream.requests.next()];
    expect(replies.map(({ responseNonce, errorDetail }) => [responseNonce, errorDetail])).toEqual([
      ['a1', undefined],
      ['p1', undefined],
    ]);
    expect((await snapshots.next()).workload('w')?.network).toBe('n1');
    expect([...(await snapshots.next()).policies()].map(({ key }) => key)).toEqual(['shop/p']);
    expect(client.status()).toMatchObject({
      address: server.address,
      connected: true,
      types: { address: { synced: true, held: 1 }, authorization: { synced: true, held: 1 } },
    });
  });

  it('refuses a bad resource with its reason, and the last good one stays in force', async () => {
    const { client, store, snapshots, lines } = connect();
    const stream = await server.streams.next();
    await greet(stream);
    stream.send({
      typeUrl: ADDRESS_URL,
      nonce: '1',
      resources: [workloadResource({ uid: 'w', network: 'good' }, 'v1')],
    });
    await stream.requests.next();
    await snapshots.next();

    stream.send({
      typeUrl: ADDRESS_URL,
      nonce: '2',
      resources: [workloadResource({ uid: 'w', addresses: [new Uint8Array(3)] }, 'v2'), workloadResource({ uid: 'x' })],
    });
    const reply = await stream.requests.next();

    const reason = 'workload.addresses[0]: 3 bytes, an IP address has 4 or 16';
    expect(reply).toMatchObject({ responseNonce: '2', errorDetail: { message: `w: ${reason}` } });
    expect(store.snapshot.workload('w')?.network).toBe('good');
    expect(store.snapshot.workload('x')).toBeDefined();
    expect(client.status().types.address).toMatchObject({ held: 2, refused: [{ name: 'w', reason }] });
    expect(lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([
      'resources refused, what was good before stays in force',
    ]);
  });

  it('keeps serving while the control plane is away, and on its return says which versions it holds', async () => {
    const { client, store, ends, lines } = connect();
    const stream = await server.streams.next();
    await greet(stream);
    stream.send({ typeUrl: ADDRESS_URL, nonce: '1', resources: [workloadResource({ uid: 'w' }, 'v1')] });
    await stream.requests.next();

    server.stop();
    await ends.next();
    await ends.next();
    const whileAway = { held: store.snapshot.workload('w'), status: client.status() };
    server = await startControlPlane({ certificates, port: server.port });
    const again = await server.streams.next();
    const [addresses] = await greet(again);

    expect(whileAway.held).toBeDefined();
    expect(whileAway.status).toMatchObject({ connected: false, types: { address: { synced: true, held: 1 } } });
    expect(addresses).toMatchObject({ initialResourceVersions: { w: 'v1' }, node: { id: node.id } });
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['info', 'control plane reached'],
      ['warn', 'control plane lost, going on with the last configuration'],
      ['info', 'control plane reached again'],
    ]);
  });

  it('learns of a removal that happened while it was away', async () => {
    const { store, snapshots } = connect();
    const stream = await server.streams.next();
    await greet(stream);
    stream.send({ typeUrl: ADDRESS_URL, nonce: '1', resources: [workloadResource({ uid: 'w' }, 'v1')] });
    await snapshots.next();

    stream.end();
    const again = await server.streams.next();
    again.send({ typeUrl: ADDRESS_URL, nonce: '1', removedResources: ['w'] });
    await snapshots.next();

    expect(store.snapshot.workload('w')).toBeUndefined();
  });

  it('never trusts a control plane of another root', async () => {
    const { rootPem } = await createServerCertificates();
    const { client, ends, lines } = connect({}, { roots: rootPem });

    const reasons = [await ends.next(), await ends.next()];

    expect(reasons).toEqual(['ConnectionError', 'ConnectionError']);
    expect(client.status().lastEnd?.detail).toMatch(/^UNAVAILABLE: .*unable to verify the first certificate/);
    expect(server.streams.waiting).toBe(0);
    expect(lines.map(({ message }) => message)).toEqual(['control plane cannot be reached yet']);
  });

  it('never trusts a control plane of another name, unless told to expect it', async () => {
    const named = await createServerCertificates(['istiod.istio-system.svc']);
    const elsewhere = await startControlPlane({ certificates: named });
    scope.own(() => elsewhere.stop());
    const { address } = elsewhere;
    const trust = { roots: named.rootPem };

    const strict = connect({ address }, trust);
    await strict.ends.next();
    const told = connect({ address, alternateName: 'istiod.istio-system.svc' }, trust);
    const stream = await elsewhere.streams.next();

    expect(strict.client.status().lastEnd?.detail).toMatch(/IP: 127\.0\.0\.1 is not in the cert's list/);
    await greet(stream);
    await told.client.ready;
  });

  it('reads token and roots again for each stream', async () => {
    const tokens = ['first\n', 'second\n'];
    let rootReads = 0;
    const roots = async () => {
      rootReads++;
      return certificates.rootPem;
    };
    connect({ token: () => tokens.shift() ?? 'none left', clusterId: 'east' }, { roots });

    const stream = await server.streams.next();
    await greet(stream);
    stream.end();
    const again = await server.streams.next();

    expect(stream.headers).toMatchObject({ authorization: 'Bearer first', clusterid: 'east' });
    expect(again.headers).toMatchObject({ authorization: 'Bearer second', clusterid: 'east' });
    expect(rootReads).toBe(2);
  });

  it('proves itself by certificate where there is one', async () => {
    const authority = await createTestAuthority();
    const strict = await startControlPlane({ certificates, clientRoots: authority.rootPem });
    scope.own(() => strict.stop());
    const identity = 'spiffe://cluster.local/ns/istio-system/sa/ztunnel';
    const certificate = () => authority.issue(identity, { extraRoots: [certificates.rootPem] });

    const { client } = connect({ address: strict.address }, { certificate });
    const stream = await strict.streams.next();
    await greet(stream);
    await client.ready;

    expect(stream.clientNames).toBe(`URI:${identity}`);
  });

  it('spaces its attempts by doubling delays, and starts anew only after a stream that lasted', async () => {
    const clock = createVirtualClock();
    const { ends } = connect({ clock });
    const delays: number[] = [];
    const failNext = async (code: status) => {
      (await server.streams.next()).fail(code, 'not now');
      await ends.next();
    };
    const nextDelay = () => {
      const before = clock.monotonic();
      clock.advanceToNext();
      delays.push(clock.monotonic() - before);
    };

    for (let attempt = 0; attempt < 4; attempt++) {
      await failNext(status.UNAUTHENTICATED);
      nextDelay();
    }
    const stream = await server.streams.next();
    await greet(stream);
    clock.advance(15_000);
    stream.end();
    await ends.next();
    nextDelay();

    expect(delays).toEqual([10, 20, 40, 80, 10]);
  });

  it('gives up on a server that takes the connection and says nothing', async () => {
    const accepted = createInbox<true>();
    const mute = createServer(() => accepted.put(true)).listen(0, '127.0.0.1');
    scope.own(() => void mute.close());
    await new Promise((resolve) => mute.once('listening', resolve));
    const { port } = mute.address() as { port: number };
    const clock = createVirtualClock();
    const { client, ends } = connect({ address: `127.0.0.1:${port}`, clock });

    await accepted.next();
    clock.advance(10_000);
    const reason = await ends.next();

    expect(reason).toBe('ConnectionError');
    expect(client.status().lastEnd?.detail).toBe('no TLS connection within 10 s');
  });

  it('survives bytes that are no response, and asks again', async () => {
    const { store, ends, client } = connect();
    const stream = await server.streams.next();
    await greet(stream);
    stream.send({ typeUrl: ADDRESS_URL, nonce: '1', resources: [workloadResource({ uid: 'w' }, 'v1')] });
    await stream.requests.next();

    stream.sendBytes(Uint8Array.of(0xff, 0xff, 0xff));
    const reason = await ends.next();
    const [addresses] = await greet(await server.streams.next());

    expect(reason).toBe('Error');
    expect(client.status().connected).toBe(true);
    expect(addresses?.initialResourceVersions).toEqual({ w: 'v1' });
    expect(store.snapshot.workload('w')).toBeDefined();
  });

  it('takes responses far over the four megabytes gRPC allows by default', async () => {
    const { client, store } = connect();
    const stream = await server.streams.next();
    const name = 'x'.repeat(6 * 1024 * 1024);

    stream.send({ typeUrl: ADDRESS_URL, nonce: '1', resources: [workloadResource({ uid: 'w', name })] });
    stream.send({ typeUrl: AUTHORIZATION_URL, nonce: '1' });
    await client.ready;

    expect(store.snapshot.workload('w')?.name).toHaveLength(name.length);
  });

  it('goes on when a listener of its snapshots fails', async () => {
    const { client, lines } = connect({
      onSnapshot: () => {
        throw new Error('listener');
      },
    });
    const stream = await server.streams.next();

    stream.send({ typeUrl: ADDRESS_URL, nonce: '1', resources: [workloadResource({ uid: 'w' })] });
    stream.send({ typeUrl: AUTHORIZATION_URL, nonce: '1' });
    await client.ready;

    expect(lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
      'a listener of the snapshot failed',
    ]);
  });

  it('cancels its stream when its scope closes, and whoever waits is told', async () => {
    const own = scope.child();
    const client = createDiscoveryClient(own, {
      address: server.address,
      roots: certificates.rootPem,
      node,
      store: createStore(),
    });
    const stream = await server.streams.next();

    await own.close();

    await stream.cancelled;
    await expect(client.ready).rejects.toThrow('closed before the first sync');
  });
});
