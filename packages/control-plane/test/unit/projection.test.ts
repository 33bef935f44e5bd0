import { describe, expect, it } from 'vitest';
import { sharesOf } from '../../src/projection/split-horizon.js';
import { shopIn, viewOf } from '../support/derive.js';
import {
  authorizationPolicy,
  eastWestGateway,
  GLOBAL,
  gateway,
  keyOf,
  type Manifest,
  pod,
  service,
  waypoint,
  waypointPod,
} from '../support/objects.js';

const REVIEWS = keyOf('reviews');
const WAYPOINT = keyOf('waypoint');
const global = service('reviews', { labels: GLOBAL });
const local = service('reviews');

const east = (...objects: readonly Manifest[]) => shopIn('east', 'network-1', ...objects);
const west = (...objects: readonly Manifest[]) => shopIn('west', 'network-2', ...objects);
/** A third cluster, on the network of east. */
const south = (...objects: readonly Manifest[]) => shopIn('south', 'network-1', ...objects);
const westGateway = eastWestGateway('network-2', '192.0.2.2');

const SPLIT = `network-2/SplitHorizonWorkload/istio-system/eastwest/192.0.2.2/shop/reviews.shop.svc.cluster.local`;

describe('what a ztunnel sees', () => {
  it.each([
    ['global', 'global', true, true],
    ['global', 'local', true, false],
    ['local', 'global', true, false],
    ['local', 'local', true, false],
    ['none', 'global', true, true],
    ['none', 'local', false, false],
  ])('own %s, remote %s: known %s, remote pods used %s', (own, remote, isKnown, isUsed) => {
    const record = (scope: string) => (scope === 'none' ? [] : [scope === 'global' ? global : local]);

    const view = viewOf('ztunnel', east(...record(own)), west(...record(remote), pod('reviews-1'), westGateway));

    expect(view.services.has(REVIEWS)).toBe(isKnown);
    expect(view.workloads.has(SPLIT)).toBe(isUsed);
    expect(view.services.get(REVIEWS)?.subjectAltNames ?? []).toEqual(
      isUsed ? ['spiffe://cluster.local/ns/shop/sa/default'] : [],
    );
  });

  it('joins the addresses of a global service, each in its own network, and takes the rest from the own record', () => {
    const own = service('reviews', { labels: GLOBAL, spec: { clusterIP: '10.0.0.7', ports: [{ port: 81 }] } });
    const theirs = service('reviews', { labels: GLOBAL, spec: { clusterIP: '10.0.0.7' } });

    const view = viewOf('ztunnel', east(own), west(theirs));

    expect(view.services.get(REVIEWS)).toMatchObject({
      addresses: [
        { network: 'network-1', ip: '10.0.0.7' },
        { network: 'network-2', ip: '10.0.0.7' },
      ],
      ports: [{ servicePort: 81 }],
    });
  });

  it('has one record for all that serves on another network: no pod of it, the capacity that is ready and takes HBONE', () => {
    const view = viewOf(
      'ztunnel',
      east(global),
      west(
        global,
        westGateway,
        pod('reviews-1', { account: 'a' }),
        pod('reviews-2', { ip: '10.1.0.2', account: 'b' }),
        pod('reviews-3', { ip: '10.1.0.3', ready: false }),
        pod('reviews-4', { ip: '10.1.0.4', labels: { 'istio.io/dataplane-mode': 'none' } }),
      ),
    );

    expect([...view.workloads.keys()]).toEqual(['NetworkGateway/network-2/192.0.2.2/15008', SPLIT]);
    expect(view.workloads.get(SPLIT)).toMatchObject({
      namespace: 'shop',
      network: 'network-2',
      clusterId: 'west',
      addresses: [],
      tunnelProtocol: 'hbone',
      capacity: 2,
      healthy: true,
      networkGateway: {
        destination: { kind: 'address', address: { network: 'network-2', ip: '192.0.2.2' } },
        hboneMtlsPort: 15008,
      },
    });
    expect(view.workloads.get(SPLIT)?.services.get(REVIEWS)).toEqual([
      { servicePort: 80, targetPort: 8080, appProtocol: 'http11' },
    ]);
    expect(view.workloads.get('NetworkGateway/network-2/192.0.2.2/15008')).toMatchObject({
      serviceAccount: 'eastwest',
      namespace: 'istio-system',
      addresses: ['192.0.2.2'],
    });
  });

  it.each([
    ['no pod is ready', [pod('reviews-1', { ready: false }), westGateway]],
    ['there is no gateway', [pod('reviews-1')]],
    [
      'no pod of the gateway is ready',
      [
        pod('reviews-1'),
        westGateway,
        pod('gw-1', {
          namespace: 'istio-system',
          ready: false,
          labels: { 'gateway.networking.k8s.io/gateway-name': 'eastwest' },
        }),
      ],
    ],
  ])('has no record for the other network when %s', (_, objects) => {
    expect(viewOf('ztunnel', east(global), west(global, ...objects)).workloads.has(SPLIT)).toBe(false);
  });

  it('spreads the capacity over all usable gateways', () => {
    const second = eastWestGateway('network-2', '192.0.2.3', 'second');
    const pods = [1, 2, 3].map((index) => pod(`reviews-${index}`, { ip: `10.1.0.${index}` }));

    const view = viewOf('ztunnel', east(global), west(global, westGateway, second, ...pods));

    const split = [...view.workloads.values()].filter(({ uid }) => uid.includes('SplitHorizon'));
    expect(split.map(({ capacity }) => capacity)).toEqual([2, 1]);
  });

  it('has one record per zone there, each with its place and its capacity; with one zone only, by the name that Istio gives it', () => {
    const place = (zone: string) => ({ 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': zone });
    const inZone = (index: number, zone: string) =>
      pod(`reviews-${index}`, { ip: `10.1.0.${index}`, labels: place(zone) });
    const recordsOf = (...pods: readonly Manifest[]) =>
      [...viewOf('ztunnel', east(global), west(global, westGateway, ...pods)).workloads.values()]
        .filter(({ uid }) => uid.includes('/SplitHorizonWorkload/'))
        .map(({ uid, locality, capacity }) => [uid, locality.region, locality.zone, capacity]);

    expect(recordsOf(inZone(1, 'a'), inZone(2, 'b'), inZone(3, 'b'))).toEqual([
      [`${SPLIT}/r/a`, 'r', 'a', 1],
      [`${SPLIT}/r/b`, 'r', 'b', 2],
    ]);
    expect(recordsOf(inZone(1, 'a'), inZone(2, 'a'))).toEqual([[SPLIT, 'r', 'a', 2]]);
  });

  it.each([
    [[3], 2, [[2, 1]]],
    [
      [1, 1, 1],
      2,
      [
        [1, 0],
        [0, 1],
        [1, 0],
      ],
    ],
    [
      [5, 5],
      2,
      [
        [3, 2],
        [2, 3],
      ],
    ],
    [[1], 3, [[1, 1, 1]]],
    [
      [1, 1],
      3,
      [
        [1, 0, 1],
        [0, 1, 0],
      ],
    ],
    [[4, 15], 1, [[4], [15]]],
    [[4], 0, [[]]],
  ])(
    'shares capacities %j among %i gateways as %j: none is lost, no gateway is left out',
    (capacities, gateways, shares) => {
      expect(sharesOf(capacities, gateways)).toEqual(shares);
    },
  );

  it('lets a declared gateway stand in for a discovered one at the same address', () => {
    const declared = gateway('to-west', 'istio-remote', {
      labels: { 'topology.istio.io/network': 'network-2' },
      spec: { listeners: [{ port: 15008, protocol: 'HBONE' }], addresses: [{ value: '192.0.2.2' }] },
    });

    const view = viewOf('ztunnel', east(global, declared), west(global, pod('reviews-1'), westGateway));

    expect([...view.workloads.keys()].filter((uid) => uid.includes('SplitHorizon'))).toEqual([
      `network-2/SplitHorizonWorkload/shop/to-west/192.0.2.2/${REVIEWS}`,
    ]);
  });

  it('sees workloads of other clusters on its own network one by one, as members of what they export only', () => {
    const secret = service('secret', { spec: { selector: { app: 'reviews' } } });

    const view = viewOf('ztunnel', east(global), south(global, secret, pod('reviews-1')));

    expect([...view.workloads.get('south//Pod/shop/reviews-1')!.services.keys()]).toEqual([REVIEWS]);
    expect(view.services.has('shop/secret.shop.svc.cluster.local')).toBe(false);
  });

  it('gets the policies of its own cluster only', () => {
    const policy = authorizationPolicy('p', {});

    expect([...viewOf('ztunnel', east(policy), west()).policies.keys()]).toEqual(['shop/p']);
    expect(viewOf('ztunnel', east(), west(policy)).policies.size).toBe(0);
  });

  it('expects the identities of remote endpoints in their own trust domain, and of the waypoint in front of them', () => {
    const bound = service('reviews', { labels: { ...GLOBAL, 'istio.io/use-waypoint': 'waypoint' } });
    const far = {
      ...west(bound, ...waypoint(), waypointPod(), pod('reviews-1', { account: 'reviews' }), westGateway),
      trustDomain: 'west.example',
    };

    const view = viewOf('ztunnel', east(global), far);

    expect(view.services.get(REVIEWS)?.subjectAltNames).toEqual([
      'spiffe://west.example/ns/shop/sa/reviews',
      'spiffe://west.example/ns/shop/sa/waypoint',
    ]);
    expect(view.workloads.get(SPLIT)?.trustDomain).toBe('west.example');
  });

  it('reaches the waypoint of a global service on the other network without a label on the waypoint', () => {
    const bound = service('reviews', { labels: { ...GLOBAL, 'istio.io/use-waypoint': 'waypoint' } });
    const side = [bound, ...waypoint(), waypointPod()];

    const view = viewOf('ztunnel', east(...side), west(...side, westGateway));

    expect(view.workloads.has(`network-2/SplitHorizonWorkload/istio-system/eastwest/192.0.2.2/${WAYPOINT}`)).toBe(true);
    expect(view.services.get(WAYPOINT)?.subjectAltNames).toEqual(['spiffe://cluster.local/ns/shop/sa/waypoint']);
  });

  it('sees nothing when its own cluster is not known', () => {
    expect(viewOf('ztunnel', { id: 'east', network: 'network-1', objects: [] })).toMatchObject({
      services: new Map(),
      workloads: new Map(),
    });
  });
});

describe('what an east-west gateway sees', () => {
  it('is what its cluster exports, who serves it here, and the waypoint in front: nothing else', () => {
    const bound = service('reviews', { labels: { ...GLOBAL, 'istio.io/use-waypoint': 'waypoint' } });
    const secret = service('secret', { spec: { selector: { app: 'reviews' } } });

    const view = viewOf(
      'router',
      east(
        bound,
        secret,
        ...waypoint(),
        waypointPod(),
        pod('reviews-1'),
        pod('lonely-1', { ip: '10.1.0.7' }),
        authorizationPolicy('p', { selector: { matchLabels: { app: 'reviews' } } }),
      ),
      west(
        bound,
        ...waypoint(),
        waypointPod('waypoint', { account: 'far-waypoint' }),
        pod('reviews-2'),
        service('theirs', { labels: GLOBAL }),
        westGateway,
      ),
    );

    expect([...view.services.keys()]).toEqual([REVIEWS, WAYPOINT]);
    expect([...view.workloads.keys()]).toEqual(['east//Pod/shop/reviews-1', 'east//Pod/shop/waypoint-1']);
    expect([...view.workloads.get('east//Pod/shop/reviews-1')!.services.keys()]).toEqual([REVIEWS]);
    expect(view.policies.size).toBe(0);
    expect(view.workloads.get('east//Pod/shop/reviews-1')?.authorizationPolicies).toEqual([]);
    // By this list the gateway tells a waypoint from a workload that claims to be one.
    expect(view.services.get(WAYPOINT)?.subjectAltNames).toEqual([
      'spiffe://cluster.local/ns/shop/sa/far-waypoint',
      'spiffe://cluster.local/ns/shop/sa/waypoint',
    ]);
  });

  it('includes members that another cluster of the same network exports', () => {
    const view = viewOf('router', east(global), south(global, pod('reviews-1')));

    expect([...view.workloads.keys()]).toEqual(['south//Pod/shop/reviews-1']);
  });

  it('excludes what is local here, whoever else exports it', () => {
    const view = viewOf('router', east(local, pod('reviews-1')), south(global, pod('reviews-2')), west(global));

    expect(view.services.size).toBe(0);
    expect(view.workloads.size).toBe(0);
  });
});
