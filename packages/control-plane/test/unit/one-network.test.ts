/** Several clusters on one network: nothing stands between them, so what proxies are told has to keep them apart. */
import { describe, expect, it } from 'vitest';
import { type ClusterSketch, shopIn, viewOf } from '../support/derive.js';
import {
  eastWestGateway,
  GLOBAL,
  keyOf,
  type Manifest,
  pod,
  service,
  waypoint,
  waypointPod,
} from '../support/objects.js';

const on = (id: string, ...objects: readonly Manifest[]) => shopIn(id, 'network-1', ...objects);
const named = (name: string, ip: string, labels: Record<string, string> = GLOBAL) =>
  service(name, { labels, spec: { clusterIP: ip } });

describe('clusters of one network', () => {
  it('reach what both export pod by pod, in the cluster and trust domain of each, without a gateway', () => {
    const south = {
      ...on(
        'south',
        named('reviews', '10.0.0.8'),
        pod('reviews-1', { account: 'r' }),
        eastWestGateway('network-1', '192.0.2.1'),
      ),
      trustDomain: 'south.example',
    };

    const view = viewOf('ztunnel', on('east', named('reviews', '10.0.0.7')), south);

    expect([...view.workloads.keys()]).toEqual(['south//Pod/shop/reviews-1']);
    expect(view.workloads.get('south//Pod/shop/reviews-1')).toMatchObject({
      clusterId: 'south',
      trustDomain: 'south.example',
    });
    expect(view.services.get(keyOf('reviews'))).toMatchObject({
      addresses: [
        { network: 'network-1', ip: '10.0.0.7' },
        { network: 'network-1', ip: '10.0.0.8' },
      ],
      subjectAltNames: [],
    });
  });

  it('take an address for what it is in their own cluster; the other service goes by its name', () => {
    const east = on('east', named('reviews', '10.0.0.7'), named('ratings', '10.0.0.8'));
    const south = on('south', named('reviews', '10.0.0.8'), named('stock', '10.0.0.7'), named('ratings', '10.0.0.9'));

    const addresses = (one: ClusterSketch, other: ClusterSketch) =>
      Object.fromEntries(
        [...viewOf('ztunnel', one, other).services.values()].map(({ name, addresses }) => [
          name,
          addresses.map(({ ip }) => ip),
        ]),
      );

    expect(addresses(east, south)).toEqual({ ratings: ['10.0.0.8', '10.0.0.9'], reviews: ['10.0.0.7'], stock: [] });
    expect(addresses(south, east)).toEqual({ ratings: ['10.0.0.9'], reviews: ['10.0.0.8'], stock: ['10.0.0.7'] });
  });

  it('send no address that two neighbours give to different services, even if the own cluster has neither', () => {
    const view = viewOf(
      'ztunnel',
      on('east'),
      on('south', named('a', '10.0.0.7')),
      on('north', named('b', '10.0.0.7', {})),
    );

    expect(view.services.get(keyOf('a'))?.addresses).toEqual([]);
  });

  it('share an address of a service that has it everywhere, and of networks that are not theirs', () => {
    const far = { ...on('far', named('a', '10.0.0.9')), network: 'network-2' };

    const view = viewOf(
      'ztunnel',
      on('east', named('a', '10.0.0.7'), named('b', '10.0.0.9')),
      on('south', named('a', '10.0.0.7')),
      far,
    );

    expect(view.services.get(keyOf('a'))?.addresses).toEqual([
      { network: 'network-1', ip: '10.0.0.7' },
      { network: 'network-2', ip: '10.0.0.9' },
    ]);
  });

  it('prefer their own cluster where a service asks for it, and their own waypoint always', () => {
    const annotations = { 'networking.istio.io/traffic-distribution': 'PreferSameCluster' };

    const view = viewOf('ztunnel', on('east', service('reviews', { labels: GLOBAL, annotations }), ...waypoint()));

    const near = {
      mode: 'failover',
      routingPreference: ['network', 'cluster', 'region', 'zone'],
      healthPolicy: 'only-healthy',
    };
    expect(view.services.get(keyOf('reviews'))?.loadBalancing).toEqual(near);
    expect(view.services.get(keyOf('waypoint'))?.loadBalancing).toEqual(near);
  });
});

describe('a waypoint that several clusters of one network have', () => {
  const bound = (labels: Record<string, string>) => ({ ...labels, 'istio.io/use-waypoint': 'waypoint' });
  const side = (id: string, octet: number, ...services: readonly Manifest[]) =>
    on(id, ...waypoint(), waypointPod('waypoint', { ip: `10.${octet}.0.9` }), ...services);
  const waypointsOf = (role: 'ztunnel' | 'router', ...sides: readonly ClusterSketch[]) =>
    [...viewOf(role, ...sides).workloads.values()]
      .filter(({ services }) => services.has(keyOf('waypoint')))
      .map(({ uid }) => uid);
  const a = (ip: string) => named('a', ip, bound(GLOBAL));

  it.each(['ztunnel', 'router'] as const)('is one for a %s while all behind it is exported', (role) => {
    const found = waypointsOf(role, side('east', 1, a('10.0.0.1')), side('south', 2, a('10.0.0.1')));

    expect(found).toEqual(['east//Pod/shop/waypoint-1', 'south//Pod/shop/waypoint-1']);
  });

  it.each(['ztunnel', 'router'] as const)(
    "is its own cluster's for a %s once a service behind it is kept local there",
    (role) => {
      const east = side('east', 1, a('10.0.0.1'), named('b', '10.0.0.2', bound({})));

      expect(waypointsOf(role, east, side('south', 2, a('10.0.0.1')))).toEqual(['east//Pod/shop/waypoint-1']);
    },
  );

  it("is its own cluster's where an address of a service behind it means another service next door", () => {
    const south = side('south', 2, a('10.0.0.5'), named('c', '10.0.0.1', bound({})));

    expect(waypointsOf('ztunnel', side('east', 1, a('10.0.0.1')), south)).toEqual(['east//Pod/shop/waypoint-1']);
  });
});
