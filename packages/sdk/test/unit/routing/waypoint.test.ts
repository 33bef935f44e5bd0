import { describe, expect, it } from 'vitest';
import {
  type Plan,
  planWaypoint,
  planWaypointUpstream,
  type RefusePlan,
  type WaypointDestination,
} from '../../../src/routing/index.js';
import {
  atAddress,
  atService,
  FAR,
  farGateway,
  first,
  last,
  line,
  memberOf,
  pod,
  port,
  service,
  snapshotOf,
  spiffe,
  standIn,
  type World,
} from '../../support/routing-world.js';

const waypointService = service('waypoint', '10.96.0.99', { ports: [port(15008, 15008)] });
const waypoint = pod('waypoint-1', '10.1.0.50', { nativeTunnel: true, ...memberOf(waypointService) });
const reviews = service('reviews', '10.96.0.10', {
  subjectAltNames: [spiffe('shop', 'reviews')],
  ports: [{ ...port(80, 8080), appProtocol: 'grpc' }],
  waypoint: atService(waypointService),
});
const reviewsPod = pod('reviews-1', '10.1.0.2', memberOf(reviews));
const farReviews = standIn(reviews, atAddress('10.9.0.2', FAR));
const unbound = service('ratings', '10.96.0.11');
const HOST = 'reviews.shop.svc.cluster.local';
const world: World = {
  workloads: [waypoint, reviewsPod, farReviews, farGateway(), pod('db-1', '10.1.0.7')],
  services: [reviews, unbound, waypointService],
};

function accept(authority: string | undefined, at: World = world): WaypointDestination | RefusePlan {
  return planWaypoint(snapshotOf(at), { waypoint, network: 'net-1', authority });
}

function upstream(
  authority: string,
  random: () => number,
  { arrival = 'local', at = world }: { readonly arrival?: 'local' | 'remote-network'; readonly at?: World } = {},
): Plan {
  const destination = accept(authority);
  if (destination.kind === 'refuse') return destination;
  return planWaypointUpstream(snapshotOf(at), { waypoint, network: 'net-1', destination, arrival, random });
}

describe('planWaypoint', () => {
  it.each([
    ['a VIP of a bound service', '10.96.0.10:80', { originalIp: '10.96.0.10' }],
    ['the name of a bound service', `${HOST}:80`, {}],
  ])('accepts %s and tells what is spoken inside', (_, authority, more) => {
    expect(accept(authority)).toEqual({
      kind: 'service',
      service: reviews,
      servicePort: { servicePort: 80, targetPort: 8080, appProtocol: 'grpc' },
      ...more,
    });
  });

  it.each([
    ['a service bound elsewhere', '10.96.0.11:80', 'AUTHORITY_NOT_LOCAL'],
    ['a workload bound to nobody', '10.1.0.7:80', 'AUTHORITY_NOT_LOCAL'],
    ['an address nobody has', '10.77.0.1:80', 'UNKNOWN_DESTINATION'],
    ['a name nobody has', 'nowhere.example.com:80', 'UNKNOWN_DESTINATION'],
    ['a short name: names on the wire are whole', 'reviews:80', 'UNKNOWN_DESTINATION'],
    ['a port the service does not list', `${HOST}:81`, 'UNKNOWN_PORT'],
    ['no authority', undefined, 'BAD_AUTHORITY'],
    ['an authority without a port', HOST, 'BAD_AUTHORITY'],
  ])('refuses %s', (_, authority, fault) => {
    expect(accept(authority)).toMatchObject({ kind: 'refuse', fault });
  });

  it('takes the service that is bound to it when another shares the name', () => {
    const twin = { ...unbound, key: `other/${HOST}`, hostname: HOST, namespace: 'other' };

    expect(accept(`${HOST}:80`, { ...world, services: [twin, ...(world.services ?? [])] })).toMatchObject({
      service: { key: reviews.key },
    });
  });

  it('accepts what it is named for with weight 0: clients may not have heard of it yet', () => {
    const { waypoint: reference, ...rest } = reviews;
    const moved = { ...rest, weightedWaypoints: [{ destination: reference ?? atService(unbound), weight: 0 }] };

    expect(accept('10.96.0.10:80', { ...world, services: [moved, waypointService] })).toMatchObject({
      kind: 'service',
    });
  });

  it('accepts the address of a workload that is bound to it', () => {
    const bound = { ...reviewsPod, waypoint: atService(waypointService) };

    expect(accept('10.1.0.2:9999', { ...world, workloads: [waypoint, bound] })).toEqual({
      kind: 'workload',
      workload: bound,
      ip: '10.1.0.2',
      port: 9999,
    });
  });
});

describe('planWaypointUpstream', () => {
  const TO_POD = 'endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:8080';
  const NESTED = `nested 10.9.0.2:15008 as istio-system/eastwest asks ${HOST}:80 of shop/reviews`;

  it.each([
    ['a pod here, by HBONE', first, TO_POD],
    ['another network, by HBONE inside HBONE', last, NESTED],
  ])('balances to %s', (_, random, expected) => {
    expect(line(upstream('10.96.0.10:80', random))).toBe(expected);
  });

  it('keeps here what came from another network', () => {
    const plan = upstream(`${HOST}:80`, last, { arrival: 'remote-network' });

    expect(line(plan)).toBe(TO_POD);
    expect(plan.candidates.map(({ verdict }) => verdict)).toEqual(['taken', 'passed-over']);
  });

  it('refuses what came from another network when nobody here can serve it', () => {
    const at = { ...world, workloads: [waypoint, farReviews, farGateway()] };

    expect(line(upstream(`${HOST}:80`, first, { arrival: 'remote-network', at }))).toBe('refuse NO_HEALTHY_UPSTREAM');
  });

  it('leaves out what failed this request already, and refuses when nothing is left', () => {
    const destination = accept('10.96.0.10:80') as WaypointDestination;
    const again = (...uids: string[]) =>
      line(
        planWaypointUpstream(snapshotOf(world), {
          waypoint,
          network: 'net-1',
          destination,
          arrival: 'local',
          avoid: new Set(uids),
          random: first,
        }),
      );

    expect(again(reviewsPod.uid)).toBe(NESTED);
    expect(again(reviewsPod.uid, farReviews.uid)).toBe('refuse NO_HEALTHY_UPSTREAM');
  });

  it('follows the newest snapshot', () => {
    const at = (...services: (typeof reviews)[]) => ({ at: { ...world, services } });
    const { waypoint: _, ...free } = reviews;

    expect(line(upstream('10.96.0.10:80', first, at(waypointService)))).toBe('refuse UNKNOWN_DESTINATION');
    expect(line(upstream('10.96.0.10:80', first, at(waypointService, free)))).toBe('refuse AUTHORITY_NOT_LOCAL');
    expect(line(upstream('10.96.0.10:80', first, at(waypointService, { ...reviews, ports: [] })))).toBe(
      'refuse UNKNOWN_PORT',
    );
  });

  it('never sends to a waypoint again, even when the endpoint has one of its own', () => {
    const workloads = [waypoint, { ...reviewsPod, waypoint: atService(waypointService) }];

    expect(line(upstream('10.96.0.10:80', first, { at: { ...world, workloads } }))).toBe(TO_POD);
  });

  it('sends a passthrough service to its name', () => {
    const through = {
      ...reviews,
      loadBalancing: { mode: 'passthrough', routingPreference: [], healthPolicy: 'only-healthy' },
    } as const;

    expect(line(upstream('10.96.0.10:80', first, { at: { ...world, services: [through, waypointService] } }))).toBe(
      `direct ${HOST}:80`,
    );
  });

  it('sends to a bound workload on the port asked for, and refuses one that is gone', () => {
    const bound = { ...reviewsPod, waypoint: atService(waypointService) };
    const destination = { kind: 'workload', workload: bound, ip: '10.1.0.2', port: 9999 } as const;
    const planned = (workloads: World['workloads'] & object) =>
      line(
        planWaypointUpstream(snapshotOf({ workloads }), {
          waypoint,
          network: 'net-1',
          destination,
          arrival: 'local',
          random: first,
        }),
      );

    expect(planned([bound])).toBe('endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:9999');
    expect(planned([])).toBe('refuse UNKNOWN_DESTINATION');
  });
});
