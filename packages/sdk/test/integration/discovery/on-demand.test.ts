/** xds.md 2.8 and 3.5: addresses asked for by name, over a real gRPC stream. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDiscoveryClient, createStore, proxyNode } from '../../../src/discovery/index.js';
import { createScope, type Scope } from '../../../src/runtime/index.js';
import { createVirtualClock } from '../../../src/testing.js';
import { type AcceptedStream, startControlPlane, type TestControlPlane } from '../../support/control-plane.js';
import { until } from '../../support/deferred.js';
import { createInbox } from '../../support/inbox.js';
import { createServerCertificates } from '../../support/server-certificates.js';
import { ADDRESS_URL, AUTHORIZATION_URL, serviceResource, workloadResource } from '../../support/xds-resources.js';

const certificates = await createServerCertificates();
const node = proxyNode({ type: 'ztunnel', ip: '10.0.0.1', pod: 'zt-1', namespace: 'istio-system' });
const POD = { uid: 'east//Pod/shop/reviews-1', network: 'n1', addresses: [Uint8Array.of(10, 0, 0, 1)] };

let scope: Scope;
let server: TestControlPlane;
beforeEach(async () => {
  scope = createScope();
  server = await startControlPlane({ certificates });
  scope.own(() => server.stop());
});
afterEach(() => scope.close());

async function connect(clock = createVirtualClock()) {
  const store = createStore();
  const ends = createInbox<string>();
  const client = createDiscoveryClient(scope, {
    address: server.address,
    roots: certificates.rootPem,
    node,
    store,
    observer: { terminated: (reason) => ends.put(reason) },
    clock,
    mode: 'on-demand',
    random: () => 0.5,
  });
  const stream = await server.streams.next();
  const first = await greet(stream);
  await client.ready;
  return { client, store, stream, first, clock, ends };
}

/** Takes the two first requests, answers both with nothing and takes the acknowledgements. */
async function greet(stream: AcceptedStream) {
  const first = [await stream.requests.next(), await stream.requests.next()];
  for (const { typeUrl } of first) stream.send({ typeUrl, nonce: `first ${typeUrl}` });
  await stream.requests.next();
  await stream.requests.next();
  return first;
}

describe('a discovery client on demand', () => {
  it('begins with nothing, as ztunnel does, and with all policies', async () => {
    const { first } = await connect();

    expect(
      first.map(({ typeUrl, resourceNamesSubscribe: on, resourceNamesUnsubscribe: off }) => [typeUrl, on, off]),
    ).toEqual([
      [ADDRESS_URL, ['*'], ['*']],
      [AUTHORIZATION_URL, [], []],
    ]);
  });

  it('asks for a name once, whoever asks, and goes on when it is answered under the name asked for', async () => {
    const { client, store, stream } = await connect();

    const both = Promise.all([client.demand(['n1/10.0.0.1']), client.demand(['n1/10.0.0.1'])]);
    const asked = await stream.requests.next();
    stream.send({
      typeUrl: ADDRESS_URL,
      nonce: 'a1',
      resources: [workloadResource(POD), { ...workloadResource(POD), name: 'n1/10.0.0.1' }],
    });
    const unanswered = await both;
    const acknowledged = await stream.requests.next();

    expect([asked.typeUrl, asked.resourceNamesSubscribe, asked.node]).toEqual([
      ADDRESS_URL,
      ['n1/10.0.0.1'],
      undefined,
    ]);
    expect(unanswered).toEqual([[], []]);
    expect(store.snapshot.workloadsByAddress('n1', '10.0.0.1')).toHaveLength(1);
    expect([acknowledged.responseNonce, acknowledged.errorDetail]).toEqual(['a1', undefined]);
  });

  it('understands aliases, which is how istiod answers an address', async () => {
    const { client, store, stream } = await connect();

    const demand = client.demand(['n1/10.0.0.1']);
    await stream.requests.next();
    stream.send({
      typeUrl: ADDRESS_URL,
      nonce: 'a',
      resources: [{ ...workloadResource(POD), aliases: ['n1/10.0.0.1'] }],
    });

    expect(await demand).toEqual([]);
    expect(store.snapshot.workload(POD.uid)).toBeDefined();
  });

  it('takes a removal for the answer that nobody has the name, and does not ask again for 5 s', async () => {
    const { client, stream, clock } = await connect();

    const nobody = client.demand(['/10.0.0.9']);
    await stream.requests.next();
    stream.send({ typeUrl: ADDRESS_URL, nonce: 'a', removedResources: ['/10.0.0.9'] });
    const first = await nobody;
    await stream.requests.next();
    const remembered = await client.demand(['/10.0.0.9']);
    clock.advance(5_001);
    void client.demand(['/10.0.0.9']);
    const again = await stream.requests.next();

    expect([first, remembered]).toEqual([[], []]);
    expect(again.resourceNamesSubscribe).toEqual(['/10.0.0.9']);
  });

  it('goes on at once when what it asked for is removed while it waits for its policy', async () => {
    const { client, store, stream } = await connect();

    const demand = client.demand(['n1/10.0.0.1']);
    await stream.requests.next();
    stream.send({
      typeUrl: ADDRESS_URL,
      nonce: 'a',
      resources: [
        { ...workloadResource({ ...POD, authorizationPolicies: ['shop/not-yet'] }), aliases: ['n1/10.0.0.1'] },
      ],
    });
    await stream.requests.next();
    stream.send({ typeUrl: ADDRESS_URL, nonce: 'b', removedResources: [POD.uid] });

    expect(await demand).toEqual([]);
    expect(store.snapshot.workload(POD.uid)).toBeUndefined();
  });

  it('waits 5 s and then says that nobody answered, which is not the same; the answer counts when it comes', async () => {
    const { client, store, stream, clock } = await connect();

    const demand = client.demand(['shop/reviews.shop.svc.cluster.local', 'n1/10.0.0.9']);
    await stream.requests.next();
    stream.send({ typeUrl: ADDRESS_URL, nonce: 'a', removedResources: ['n1/10.0.0.9'] });
    await stream.requests.next();
    clock.advance(5_000);
    const unanswered = await demand;
    const meanwhile = await client.demand(['shop/reviews.shop.svc.cluster.local']);
    stream.send({ typeUrl: ADDRESS_URL, nonce: 'b', resources: [serviceResource()] });
    await until(() => [...store.snapshot.services()].length === 1);

    expect(unanswered).toEqual(['shop/reviews.shop.svc.cluster.local']);
    expect(meanwhile).toEqual(unanswered);
  });

  it('after a loss asks again for what is pending, and for what it holds by its version', async () => {
    const { client, stream, clock, ends } = await connect();
    const known = client.demand(['n1/10.0.0.1']);
    await stream.requests.next();
    stream.send({
      typeUrl: ADDRESS_URL,
      nonce: 'a',
      resources: [{ ...workloadResource(POD, '7'), aliases: ['n1/10.0.0.1'] }],
    });
    await known;
    await stream.requests.next();
    const pending = client.demand(['n1/10.0.0.2']);
    await stream.requests.next();

    stream.end();
    await ends.next();
    clock.advance(20);
    const next = await server.streams.next();
    const [addresses] = await greet(next);
    next.send({ typeUrl: ADDRESS_URL, nonce: 'b', removedResources: ['n1/10.0.0.2'] });

    expect(addresses?.resourceNamesSubscribe).toEqual(['*']);
    expect(addresses?.initialResourceVersions).toEqual({ [POD.uid]: '7', 'n1/10.0.0.2': '' });
    expect(await pending).toEqual([]);
  });

  it('refuses a resource under a name that was not asked for', async () => {
    const { client, stream, store } = await connect();

    stream.send({ typeUrl: ADDRESS_URL, nonce: 'a', resources: [{ ...workloadResource(POD), name: 'n1/10.0.0.1' }] });
    const reply = await stream.requests.next();

    expect(reply.errorDetail?.message).toContain('n1/10.0.0.1');
    expect(store.snapshot.workload(POD.uid)).toBeUndefined();
    expect(client.status().types.address.held).toBe(0);
  });
});

describe('a discovery client that is told everything', () => {
  it('asks for nothing', async () => {
    const store = createStore();
    const client = createDiscoveryClient(scope, { address: server.address, roots: certificates.rootPem, node, store });
    const stream = await server.streams.next();
    await greet(stream);

    expect(await client.demand(['n1/10.0.0.1'])).toEqual([]);
  });
});
