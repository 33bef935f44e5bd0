import { fromBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { decodeAddress } from '@isthmus/sdk/discovery';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { workloadPb } from '@isthmus/sdk/wire';
import { afterEach, describe, expect, it } from 'vitest';
import {
  AMBIENT,
  authorizationPolicy,
  eastWestGateway,
  GLOBAL,
  ingressGateway,
  type Manifest,
  namespace,
  pod,
  service,
} from '../support/objects.js';
import { openStream, type PlaneInit, proxyNode, startPlane, type TestPlane, type XdsClient } from '../support/plane.js';
import { openRawStream } from '../support/raw-stream.js';
import { ADDRESS, AUTHORIZATION, request } from '../support/xds.js';

const REVIEWS = 'shop/reviews.shop.svc.cluster.local';
const SPLIT = 'network-2/SplitHorizonWorkload/istio-system/eastwest/192.0.2.2/shop/reviews.shop.svc.cluster.local';

const base: Manifest[] = [namespace('shop', AMBIENT), service('reviews', { labels: GLOBAL })];

const release: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const each of release.splice(0).reverse()) await each();
});

async function start(init: PlaneInit): Promise<TestPlane> {
  const test = await startPlane(init);
  release.push(test.close);
  return test;
}

/** A ztunnel that subscribes to both types; its first two answers are not taken yet. */
async function connect(test: TestPlane, type = 'ztunnel', held: Record<string, string> = {}): Promise<XdsClient> {
  const client = openStream(test, { token: await test.token({}), headers: { clusterid: 'east' } });
  release.push(client.close);
  client.send(request(ADDRESS, { node: proxyNode(type), initialResourceVersions: held }));
  client.send(request(AUTHORIZATION, { node: proxyNode(type) }));
  return client;
}

/** Takes both first answers and returns that about addresses. */
async function synced(client: XdsClient) {
  const first = await client.accept();
  const second = await client.accept();
  return first.type === 'address' ? first : second;
}

/** Responses about addresses that were handed to the transport. */
function sentAddresses(test: TestPlane): number {
  return test.logs.filter(({ message, typeUrl }) => message === 'response sent' && typeUrl === ADDRESS).length;
}

describe('discovery', () => {
  it('serves what the files say, policies before workloads', async () => {
    const test = await start({
      clusters: { east: { 'a.yaml': [...base, pod('reviews-1'), authorizationPolicy('p', {})] } },
    });
    const client = await connect(test);

    const first = await client.accept();
    const second = await client.accept();

    expect([first.type, first.names]).toEqual(['authorization', ['shop/p']]);
    expect([second.type, second.names]).toEqual(['address', ['east//Pod/shop/reviews-1', REVIEWS]]);
    const address = decodeAddress(fromBinary(workloadPb.AddressSchema, second.message.resources[0]!.resource!.value));
    expect(address).toMatchObject({
      ok: true,
      value: { value: { uid: 'east//Pod/shop/reviews-1', addresses: ['10.1.0.1'], tunnelProtocol: 'hbone' } },
    });
  });

  it('pushes exactly what a live change changes', async () => {
    const test = await start({
      clusters: { east: { 'a.yaml': [...base, pod('reviews-1')], 'b.yaml': [pod('ratings-1', { ip: '10.1.0.2' })] } },
    });
    const client = await connect(test);
    await synced(client);

    await test.write('east', 'b.yaml', [
      pod('ratings-1', { ip: '10.1.0.2', ready: false }),
      pod('ratings-2', { ip: '10.1.0.3' }),
    ]);
    const changed = await client.accept();
    await test.remove('east', 'b.yaml');
    const removed = await client.accept();

    expect([changed.names, changed.removed]).toEqual([['east//Pod/shop/ratings-1', 'east//Pod/shop/ratings-2'], []]);
    expect([removed.names, removed.removed]).toEqual([[], ['east//Pod/shop/ratings-1', 'east//Pod/shop/ratings-2']]);
  });

  it('sends a proxy that comes back the difference only, even after the control plane has restarted', async () => {
    const clusters = { east: { 'a.yaml': [...base, pod('reviews-1')] } };
    const before = await start({ clusters });
    const held = (await synced(await connect(before))).message.resources;
    const after = await start({ clusters: { east: { 'a.yaml': [...base, pod('reviews-1', { ready: false })] } } });

    const versions = Object.fromEntries(held.map(({ name, version }) => [name, version]));
    const client = await connect(after, 'ztunnel', { ...versions, 'east//Pod/shop/gone': 'x' });
    const difference = await synced(client);

    expect([difference.names, difference.removed]).toEqual([['east//Pod/shop/reviews-1'], ['east//Pod/shop/gone']]);
  });

  it('keeps the last good generation while a file is bad, tells so once, and goes on when it is corrected', async () => {
    const test = await start({ clusters: { east: { 'a.yaml': [...base, pod('reviews-1')] } } });
    const client = await connect(test);
    await synced(client);

    await test.write('east', 'a.yaml', 'apiVersion: v1\nkind: Pod\nmetadata: {na');
    await test.logged(({ message }) => message.includes('the last good generation stays live'));
    const [stale] = test.plane.status().sources;
    await test.write('east', 'a.yaml', [...base, pod('reviews-1'), pod('reviews-2', { ip: '10.1.0.2' })]);
    const next = await client.accept();

    expect(stale).toMatchObject({ state: 'stale', generation: 1, problems: [{ severity: 'error', line: 3 }] });
    expect([next.names, next.removed]).toEqual([['east//Pod/shop/reviews-2'], []]);
    expect(test.logs.filter(({ message }) => message.includes('not valid YAML'))).toHaveLength(1);
  });

  it('refuses a duplicate service with both places and serves on', async () => {
    const test = await start({ clusters: { east: { 'a.yaml': [...base, pod('reviews-1')] } } });
    const client = await connect(test);
    const first = await synced(client);

    await test.write('east', 'b.yaml', [service('reviews')]);
    const line = await test.logged(({ message }) => message.includes('is defined already'));
    const second = await connect(test);

    expect(line.message).toMatch(
      /b\.yaml:1:1 metadata\.name: Service shop\/reviews is defined already at .*a\.yaml:\d+:1; remove one of them/,
    );
    expect((await synced(second)).names).toEqual(first.names);
  });

  it('does not send remote services that are not global, nor remote pods', async () => {
    const remote = [
      namespace('shop', AMBIENT),
      service('secret', { spec: { clusterIP: '10.0.0.5' } }),
      service('reviews', { labels: GLOBAL }),
      pod('secret-1'),
      pod('reviews-9', { ip: '10.1.0.9' }),
    ];
    const test = await start({ clusters: { east: { 'a.yaml': base }, west: { 'a.yaml': remote } } });

    const { names } = await synced(await connect(test));

    expect(names).toEqual([REVIEWS]);
  });

  it('gives an east-west gateway the exported services and their members, and no policies', async () => {
    const objects = [
      ...base,
      service('local', { spec: { clusterIP: '10.0.0.6' } }),
      pod('reviews-1'),
      pod('local-1', { ip: '10.1.0.2' }),
      authorizationPolicy('p', {}),
    ];
    const test = await start({ clusters: { east: { 'a.yaml': objects } } });

    const client = await connect(test, 'router');
    const responses = [await client.accept(), await client.accept()];

    expect(responses.map(({ type, names }) => [type, names])).toEqual([
      ['address', ['east//Pod/shop/reviews-1', REVIEWS]],
      ['authorization', []],
    ]);
  });

  it('gives an ingress gateway, known by the labels of its node, the ways to other networks too, and its own policies', async () => {
    const objects = [
      ...base,
      ...ingressGateway('10.1.0.8'),
      pod('loner-1', { ip: '10.1.0.2' }),
      authorizationPolicy('its', { selector: { matchLabels: { app: 'ingress' } } }),
      authorizationPolicy('others', { selector: { matchLabels: { app: 'loner' } } }),
    ];
    const west = [...base, pod('reviews-1'), eastWestGateway('network-2', '192.0.2.2')];
    const test = await start({ clusters: { east: { 'a.yaml': objects }, west: { 'a.yaml': west } } });
    const client = openStream(test, { token: await test.token({}), headers: { clusterid: 'east' } });
    release.push(client.close);
    const node = {
      ...proxyNode('router'),
      metadata: { LABELS: { 'gateway.istio.io/managed': 'istio.io-gateway-controller' } },
    };

    client.send(request(ADDRESS, { node }));
    client.send(request(AUTHORIZATION, { node }));
    const responses = [await client.accept(), await client.accept()];

    const names = Object.fromEntries(responses.map((response) => [response.type, response.names]));
    expect(names).toEqual({
      authorization: ['shop/its'],
      address: [
        'NetworkGateway/network-2/192.0.2.2/15008',
        'east//Pod/shop/ingress-1',
        SPLIT,
        'shop/ingress.shop.svc.cluster.local',
        REVIEWS,
      ],
    });
    expect(test.plane.status().proxies.map(({ node: { role } }) => role)).toEqual(['ingress']);
  });

  it('lets the record of another network come and go with readiness there, and with its gateway', async () => {
    const pods = (ready: boolean) => [
      namespace('shop', AMBIENT),
      service('reviews', { labels: GLOBAL }),
      pod('reviews-1', { ready }),
    ];
    const gateways = [eastWestGateway('network-2', '192.0.2.2')];
    const test = await start({
      clusters: { east: { 'a.yaml': base }, west: { 'pods.yaml': pods(true), 'gateways.yaml': gateways } },
    });
    const client = await connect(test);
    const first = await synced(client);

    await test.write('west', 'pods.yaml', pods(false));
    const unready = await client.accept();
    await test.write('west', 'pods.yaml', pods(true));
    const ready = await client.accept();
    await test.remove('west', 'gateways.yaml');
    const cut = await client.accept();

    expect(first.names).toEqual(['NetworkGateway/network-2/192.0.2.2/15008', SPLIT, REVIEWS]);
    expect([unready.names, unready.removed]).toEqual([[], [SPLIT]]);
    expect([ready.names, ready.removed]).toEqual([[SPLIT], []]);
    expect([cut.names, [...cut.removed].sort()]).toEqual([[], ['NetworkGateway/network-2/192.0.2.2/15008', SPLIT]]);
  });

  it('records what a proxy rejected, and does not send it again', async () => {
    const test = await start({ clusters: { east: { 'a.yaml': [...base, pod('reviews-1')] } } });
    const client = await connect(test);
    const { nonce } = await client.next();

    client.send(
      request(ADDRESS, { responseNonce: nonce, errorDetail: { code: 0, message: 'east//Pod/shop/reviews-1: no' } }),
    );
    const line = await test.logged(({ message }) => message.includes('proxy rejected resources'));
    await test.write('east', 'b.yaml', [pod('other-1', { ip: '10.1.0.7' })]);
    await client.accept();
    const pushed = await client.accept();

    expect(line).toMatchObject({ level: 'warn', nonce, reason: 'east//Pod/shop/reviews-1: no' });
    expect(pushed.names).toEqual(['east//Pod/shop/other-1']);
    const [proxy] = test.plane.status().proxies;
    expect(proxy).toMatchObject({
      identity: 'spiffe://cluster.local/ns/istio-system/sa/ztunnel',
      node: { role: 'ztunnel', name: 'ztunnel-1.istio-system' },
    });
    expect(proxy?.types).toContainEqual(
      expect.objectContaining({ typeUrl: ADDRESS, lastRejection: { nonce, reason: 'east//Pod/shop/reviews-1: no' } }),
    );
  });

  it('does not serve at all while the own cluster has never been read well, because empty would mean gone', async () => {
    const test = await startPlane({ clusters: { east: { 'a.yaml': 'a: [' } }, waitUntilReady: false });
    release.push(test.close);
    await test.logged(({ message }) => message.includes('not valid YAML'));

    const refused = await (await connect(test)).ended;
    await test.write('east', 'a.yaml', base);
    await test.plane.ready;
    const { names } = await synced(await connect(test));

    expect(refused).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('the objects of cluster east cannot be used'),
    });
    expect(names).toEqual([REVIEWS]);
  });

  it('holds one response for a reader that stops, and then sends it the newest state, not all those in between', async () => {
    const pods = (ready: boolean) =>
      Array.from({ length: 800 }, (_, index) =>
        pod(`bulk-${index}`, { ip: `10.2.${index >> 8}.${index & 255}`, ready }),
      );
    const test = await start({ clusters: { east: { 'a.yaml': base, 'bulk.yaml': pods(true) } } });
    const client = openRawStream(test, await test.token({}));
    release.push(async () => client.close());
    client.send(request(ADDRESS, { node: proxyNode() }));
    await test.logged(({ message }) => message === 'response sent');

    for (const ready of [false, true, false]) {
      const { generation } = test.plane.status().sources[0]!;
      await test.write('east', 'bulk.yaml', pods(ready));
      await test.logged((line) => line.message === 'source read' && line.generation === generation + 1);
    }
    const sentUnread = sentAddresses(test);
    const health: (boolean | undefined)[] = [];
    await client.readUntil(({ message }) => {
      const decoded = decodeAddress(fromBinary(workloadPb.AddressSchema, message.resources[0]!.resource!.value));
      health.push(decoded.ok && decoded.value.kind === 'workload' ? decoded.value.value.healthy : undefined);
      return health.length === 2;
    });

    expect(sentUnread).toBe(1);
    expect(health).toEqual([true, false]);
  });

  it('ends streams cleanly when it closes', async () => {
    const test = await start({ clusters: { east: { 'a.yaml': base } } });
    const client = await connect(test);
    await synced(client);

    await test.plane.close();

    expect(await client.ended).toMatchObject({ code: status.OK });
  });
});

describe('admission to discovery', () => {
  async function refusal(test: TestPlane, credentials: Parameters<typeof openStream>[1], node: object = proxyNode()) {
    const client = openStream(test, credentials);
    release.push(client.close);
    client.send(request(ADDRESS, { node }));
    const { code, details } = await client.ended;
    return { code: status[code], details };
  }

  it('refuses callers, each with what is wrong', async () => {
    const test = await start({ clusters: { east: { 'a.yaml': base } } });
    const token = await test.token({});
    const stranger = await createTestAuthority();
    const { key, cert } = await stranger.issuePem('spiffe://cluster.local/ns/istio-system/sa/ztunnel');

    expect(await refusal(test, {})).toMatchObject({
      code: 'UNAUTHENTICATED',
      details: expect.stringContaining('neither a client certificate'),
    });
    expect(await refusal(test, { headers: { authorization: 'Basic x' } })).toMatchObject({
      code: 'UNAUTHENTICATED',
      details: expect.stringContaining('does not start with "Bearer "'),
    });
    expect(await refusal(test, { certificate: { key, chain: cert } })).toMatchObject({
      code: 'UNAUTHENTICATED',
      details: expect.stringContaining('neither a client certificate'),
    });
    expect(await refusal(test, { token }, proxyNode('ztunnel', 'other'))).toMatchObject({
      code: 'PERMISSION_DENIED',
      details: expect.stringContaining('may not speak for a proxy in namespace other'),
    });
    expect(await refusal(test, { token, headers: { clusterid: 'west' } })).toMatchObject({
      code: 'PERMISSION_DENIED',
      details: expect.stringContaining('this control plane serves east'),
    });
    expect(await refusal(test, { token }, proxyNode('sidecar'))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: expect.stringContaining('node type "sidecar" is not served'),
    });
    expect(await refusal(test, { token }, { id: '' })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: expect.stringContaining('missing node information'),
    });
  });
});
