/** hbone.md 3.11: what has to be asked for before a connection can be planned. */
import { describe, expect, it } from 'vitest';
import { missingInbound, missingOutbound } from '../../../src/routing/index.js';
import {
  atAddress,
  atService,
  FAR,
  farGateway,
  memberOf,
  OWN,
  pod,
  port,
  service,
  snapshotOf,
  standIn,
  type World,
} from '../../support/routing-world.js';

const source = pod('storefront', '10.1.0.1');
const waypoint = service('waypoint', '10.96.0.99', { ports: [port(15008, 15008)] });
const reviews = service('reviews', '10.96.0.10', { waypoint: atService(waypoint) });

function missing(world: World, host: string): readonly string[] {
  const target = /^[\d.]+$/.test(host)
    ? ({ kind: 'address', ip: host, port: 80 } as const)
    : ({ kind: 'hostname', hostname: host, port: 80 } as const);
  return missingOutbound(snapshotOf(world), { source, network: OWN, target });
}

describe('what is missing for a connection out', () => {
  it.each<[string, string, readonly string[]]>([
    ['an address nobody is known to have, by network and address', '10.96.0.10', ['net-1/10.96.0.10']],
    ['nothing for loopback, which is nobody else', '127.0.0.1', []],
    [
      'a full name of Kubernetes, in the namespace it says',
      'reviews.shop.svc.cluster.local',
      ['shop/reviews.shop.svc.cluster.local'],
    ],
    [
      'a short name, as it stands and completed',
      'reviews.other',
      [
        'shop/reviews.other',
        'other/reviews.other.svc.cluster.local',
        'shop/reviews.other.shop.svc.cluster.local',
        'shop/other.shop.svc.cluster.local',
      ],
    ],
    [
      'the name of a pod, and the service that it is a pod of',
      'db-0.db.shop.svc.cluster.local',
      ['shop/db-0.db.shop.svc.cluster.local', 'shop/db.shop.svc.cluster.local'],
    ],
    ['a foreign name, in the own namespace', 'api.v1.example.com', ['shop/api.v1.example.com']],
    ['nothing for what is no name', 'no name', []],
  ])('%s', (_, host, expected) => {
    expect(missing({}, host)).toEqual(expected);
  });

  it('then the waypoint of the service that came, and then nothing', () => {
    expect(missing({ services: [reviews] }, '10.96.0.10')).toEqual([waypoint.key]);
    expect(missing({ services: [reviews, waypoint] }, '10.96.0.10')).toEqual([]);
  });

  it('the gateways of endpoints and of waypoints on other networks', () => {
    const open = service('reviews', '10.96.0.10');
    const far = standIn(open, atAddress('10.9.0.2', FAR));
    const farWaypoint = standIn(waypoint, atAddress('10.9.0.3', FAR));

    expect(missing({ services: [open], workloads: [far] }, '10.96.0.10')).toEqual(['net-2/10.9.0.2']);
    expect(missing({ services: [open], workloads: [far, farGateway()] }, '10.96.0.10')).toEqual([]);
    expect(missing({ services: [reviews, waypoint], workloads: [farWaypoint] }, '10.96.0.10')).toEqual([
      'net-2/10.9.0.3',
    ]);
  });

  it('every weighted waypoint, because any may be drawn', () => {
    const weightedWaypoints = ['10.1.0.50', '10.1.0.51'].map((ip) => ({ destination: atAddress(ip), weight: 1 }));
    const weighted = service('reviews', '10.96.0.10', { weightedWaypoints });

    expect(missing({ services: [weighted] }, '10.96.0.10')).toEqual(['net-1/10.1.0.50', 'net-1/10.1.0.51']);
  });

  it('the waypoint of a workload that is addressed itself', () => {
    const bound = pod('reviews-1', '10.1.0.2', { waypoint: atAddress('10.1.0.50') });

    expect(missing({ workloads: [bound] }, '10.1.0.2')).toEqual(['net-1/10.1.0.50']);
  });
});

describe('what is missing for a tunnel in', () => {
  const local = pod('reviews-1', '10.1.0.2', memberOf(reviews));

  it('the service of the workload that the tunnel names', () => {
    expect(missingInbound(snapshotOf({}), local, `${reviews.hostname}:80`)).toEqual([reviews.key]);
    expect(missingInbound(snapshotOf({ services: [reviews] }), local, `${reviews.hostname}:80`)).toEqual([]);
  });

  it.each(['10.1.0.2:8080', 'other.shop.svc.cluster.local:80', 'nonsense', undefined])(
    'nothing for %s',
    (authority) => {
      expect(missingInbound(snapshotOf({}), local, authority)).toEqual([]);
    },
  );
});
