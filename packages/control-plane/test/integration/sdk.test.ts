/** The SDK's clients against this control plane: what proxies really do. */
import { createDiscoveryClient, createStore, proxyNode as nodeOf, type Snapshot } from '@isthmus/sdk/discovery';
import { createCaClient, createCertificateManager } from '@isthmus/sdk/identity';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AMBIENT,
  authorizationPolicy,
  eastWestGateway,
  GLOBAL,
  namespace,
  peerAuthentication,
  pod,
  service,
  waypoint,
  waypointPod,
} from '../support/objects.js';
import { startPlane, type TestPlane } from '../support/plane.js';
import { createQueue } from '../support/queue.js';

const REVIEWS = 'shop/reviews.shop.svc.cluster.local';

let scope: Scope;
let test: TestPlane;
beforeEach(async () => {
  scope = createScope();
  const reviews = service('reviews', { labels: { ...GLOBAL, 'istio.io/use-waypoint': 'waypoint' } });
  const mesh = [namespace('shop', AMBIENT), reviews, ...waypoint(), waypointPod()];
  const policies = [
    authorizationPolicy('p', { selector: { matchLabels: { app: 'reviews' } } }),
    peerAuthentication('q', { mtls: { mode: 'STRICT' } }),
  ];
  test = await startPlane({
    clusters: {
      east: { 'mesh.yaml': mesh, 'pods.yaml': [pod('reviews-1', { account: 'reviews' })], 'policies.yaml': policies },
      west: {
        'mesh.yaml': [...mesh, eastWestGateway('network-2', '192.0.2.2'), pod('reviews-9', { account: 'far-reviews' })],
      },
    },
  });
});
afterEach(async () => {
  await scope.close();
  await test.close();
});

async function access() {
  const token = await test.token({ pod: 'ztunnel-1', node: 'node-1' });
  return { address: `127.0.0.1:${test.plane.ports.listen}`, roots: test.rootPem, token, clusterId: 'east' };
}

describe('the SDK', () => {
  it('refuses nothing of what it is sent, and knows the mesh', async () => {
    const store = createStore();
    const snapshots = createQueue<Snapshot>();
    const node = nodeOf({ type: 'ztunnel', ip: '127.0.0.1', pod: 'ztunnel-1', namespace: 'istio-system' });
    const client = createDiscoveryClient(scope, {
      ...(await access()),
      node,
      store,
      onSnapshot: (snapshot) => snapshots.push(snapshot),
    });
    await client.ready;

    const { snapshot } = store;
    const [reviews] = snapshot.workloadsByAddress('network-1', '10.1.0.1');
    expect(client.status().types).toMatchObject({ address: { refused: [] }, authorization: { refused: [], held: 2 } });
    expect(snapshot.service(REVIEWS)).toMatchObject({
      waypoint: {
        destination: { kind: 'hostname', name: { namespace: 'shop', hostname: 'waypoint.shop.svc.cluster.local' } },
        hboneMtlsPort: 15008,
      },
      subjectAltNames: ['spiffe://cluster.local/ns/shop/sa/far-reviews', 'spiffe://cluster.local/ns/shop/sa/waypoint'],
    });
    expect(snapshot.endpoints(REVIEWS).map(({ uid }) => uid.split('/').slice(0, 2))).toEqual(
      expect.arrayContaining([
        ['east', ''],
        ['network-2', 'SplitHorizonWorkload'],
      ]),
    );
    expect(snapshot.policiesFor(reviews!)).toMatchObject({
      missing: [],
      policies: [{ key: 'istio-system/istio_converted_static_strict' }, { key: 'shop/p' }],
    });
    expect(snapshot.workloadsByAddress('network-2', '192.0.2.2')).toMatchObject([{ serviceAccount: 'eastwest' }]);
  });

  it('follows changes', async () => {
    const store = createStore();
    const snapshots = createQueue<Snapshot>();
    const node = nodeOf({ type: 'waypoint', ip: '127.0.0.1', pod: 'waypoint-1', namespace: 'istio-system' });
    const client = createDiscoveryClient(scope, {
      ...(await access()),
      node,
      store,
      onSnapshot: (snapshot) => snapshots.push(snapshot),
    });
    await client.ready;

    await test.write('east', 'pods.yaml', [pod('reviews-1', { account: 'reviews', ready: false })]);
    let next = await snapshots.next();
    while (next.workload('east//Pod/shop/reviews-1')?.healthy !== false) next = await snapshots.next();

    expect(next.workload('east//Pod/shop/reviews-1')?.healthy).toBe(false);
  });

  it('gets certificates of workloads on its node, and its own', async () => {
    const impersonating = createCertificateManager(scope, {
      ca: createCaClient({ ...(await access()), asks: 'impersonate' }),
    });
    const own = createCertificateManager(scope, { ca: createCaClient({ ...(await access()), asks: 'own' }) });

    const reviews = await impersonating.certificate('spiffe://cluster.local/ns/shop/sa/reviews');
    const ztunnel = await own.certificate('spiffe://cluster.local/ns/istio-system/sa/ztunnel');

    expect([reviews.identity, ztunnel.identity]).toEqual([
      'spiffe://cluster.local/ns/shop/sa/reviews',
      'spiffe://cluster.local/ns/istio-system/sa/ztunnel',
    ]);
    expect(reviews.chain).toHaveLength(2);
    await expect(impersonating.certificate('spiffe://cluster.local/ns/shop/sa/far-reviews')).rejects.toThrow(
      'no workload of shop/far-reviews is on node node-1',
    );
  });
});
