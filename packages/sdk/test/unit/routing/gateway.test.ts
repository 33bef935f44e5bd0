import { describe, expect, it } from 'vitest';
import { planGateway } from '../../../src/routing/index.js';
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

const HOST = 'reviews.shop.svc.cluster.local';
const ZTUNNEL = spiffe('shop', 'storefront');
const WAYPOINT = spiffe('shop', 'waypoint');

const waypointService = service('waypoint', '10.96.0.99', { ports: [port(15008, 15008)] });
const waypoint = pod('waypoint-1', '10.1.0.50', memberOf(waypointService));
const reviews = service('reviews', '10.96.0.10');
const bound = { ...reviews, waypoint: atService(waypointService) };
const pods = [pod('reviews-1', '10.1.0.2', memberOf(reviews)), pod('reviews-2', '10.1.0.3', memberOf(reviews))];
const free: World = { workloads: pods, services: [reviews] };
const withWaypoint: World = { workloads: [...pods, waypoint], services: [bound, waypointService] };

interface Asked {
  readonly authority?: string | undefined;
  readonly identity?: string;
  readonly role?: string;
  readonly random?: () => number;
}

function dispatch(
  world: World,
  { authority = `${HOST}:80`, identity = ZTUNNEL, role, random = first }: Asked = {},
): string {
  return line(
    planGateway(snapshotOf(world), { network: 'net-1', authority, sourceIdentity: identity, sourceRole: role, random }),
  );
}

describe('planGateway', () => {
  it.each([
    ['one pod', first, 'direct 10.1.0.2:15008'],
    ['another pod', last, 'direct 10.1.0.3:15008'],
  ])('sends an exported service to the HBONE port of %s', (_, random, expected) => {
    expect(dispatch(free, { random })).toBe(expected);
  });

  it('refuses a service that it may not export, and not another of that name', () => {
    const other = service('reviews', '10.96.0.11', { namespace: 'other' });
    const plan = (namespaces: readonly string[], world: World = free) =>
      line(
        planGateway(snapshotOf(world), {
          network: 'net-1',
          authority: `${HOST}:80`,
          sourceIdentity: ZTUNNEL,
          exports: ({ namespace }) => namespaces.includes(namespace),
          random: first,
        }),
      );
    const twice: World = { ...free, services: [{ ...other, hostname: HOST, key: `other/${HOST}` }, reviews] };

    expect(plan(['shop'])).toBe('direct 10.1.0.2:15008');
    expect(plan(['other'])).toBe('refuse NOT_EXPORTED');
    expect(plan(['shop'], twice)).toBe('direct 10.1.0.2:15008');
  });

  it.each([
    ['a service it does not know', 'secret.shop.svc.cluster.local:80', 'refuse NOT_EXPORTED'],
    ['a VIP', '10.96.0.10:80', 'refuse NOT_EXPORTED'],
    ['a pod', '10.1.0.2:15008', 'refuse NOT_EXPORTED'],
    ['a short name', 'reviews:80', 'refuse NOT_EXPORTED'],
    ['a port that is not listed', `${HOST}:15008`, 'refuse UNKNOWN_PORT'],
    ['a name without a port', HOST, 'refuse BAD_AUTHORITY'],
    ['an empty authority', '', 'refuse BAD_AUTHORITY'],
  ])('refuses %s', (_, authority, expected) => {
    expect(dispatch(free, { authority })).toBe(expected);
  });

  it('sends only to pods of its own network that speak HBONE', () => {
    const workloads = [
      standIn(reviews, atAddress('10.9.0.2', FAR)),
      farGateway(),
      pod('reviews-9', '10.1.0.9', { network: FAR, ...memberOf(reviews) }),
      pod('reviews-8', '10.1.0.8', { tunnelProtocol: 'none', ...memberOf(reviews) }),
      pod('reviews-7', '10.1.0.7', { healthy: false, ...memberOf(reviews) }),
    ];

    expect(dispatch({ workloads, services: [reviews] }, { random: last })).toBe('refuse NO_HEALTHY_UPSTREAM');
    expect(dispatch({ workloads: [...workloads, ...pods], services: [reviews] }, { random: last })).toBe(
      'direct 10.1.0.3:15008',
    );
  });

  it('spreads evenly whatever locality is preferred: the client is on another network', () => {
    const near = {
      ...reviews,
      loadBalancing: { mode: 'strict', routingPreference: ['zone'], healthPolicy: 'only-healthy' },
    } as const;

    expect(dispatch({ ...free, services: [near] }, { random: last })).toBe('direct 10.1.0.3:15008');
  });
});

describe('planGateway and the waypoint of the service', () => {
  const TO_WAYPOINT = 'direct 10.1.0.50:15008';
  const TO_POD = 'direct 10.1.0.2:15008';

  it.each<[string, Asked, string]>([
    ['a ztunnel, which says nothing, is sent to the waypoint', {}, TO_WAYPOINT],
    ['a waypoint of the service is sent to a pod', { identity: WAYPOINT, role: 'waypoint' }, TO_POD],
    ['a waypoint that does not say so is sent to the waypoint', { identity: WAYPOINT }, TO_WAYPOINT],
    ['anybody else who says so is sent to the waypoint', { role: 'waypoint' }, TO_WAYPOINT],
    [
      'the same account of another namespace is anybody else',
      { identity: spiffe('evil', 'waypoint'), role: 'waypoint' },
      TO_WAYPOINT,
    ],
    ['an ingress gateway is sent to the waypoint', { role: 'gateway' }, TO_WAYPOINT],
    ['a sidecar is sent to the waypoint', { role: 'sidecar' }, TO_WAYPOINT],
    ['a role nobody knows changes nothing', { identity: WAYPOINT, role: 'Waypoint' }, TO_WAYPOINT],
  ])('%s', (_, asked, expected) => {
    expect(dispatch(withWaypoint, asked)).toBe(expected);
  });

  it('believes an identity that the service of the waypoint declares for other clusters', () => {
    const declared = { ...waypointService, subjectAltNames: [spiffe('shop', 'west-waypoint')] };
    const asked = { identity: spiffe('shop', 'west-waypoint'), role: 'waypoint' };

    expect(dispatch({ ...withWaypoint, services: [bound, declared] }, asked)).toBe(TO_POD);
  });

  it("does not take the account of the waypoint's stand-in record for an identity", () => {
    const far = standIn(waypointService, atAddress('10.9.0.2', FAR));
    const asked = { identity: spiffe('shop', 'default'), role: 'waypoint' };

    expect(
      dispatch({ ...withWaypoint, workloads: [...(withWaypoint.workloads ?? []), far, farGateway()] }, asked),
    ).toBe(TO_WAYPOINT);
  });

  it('never goes around a waypoint that is unknown, down or on another network', () => {
    const far = standIn(waypointService, atAddress('10.9.0.2', FAR));

    expect(dispatch({ ...withWaypoint, services: [bound] })).toBe('refuse UNKNOWN_WAYPOINT');
    expect(dispatch({ ...withWaypoint, workloads: [...pods, { ...waypoint, healthy: false }] })).toBe(
      'refuse NO_HEALTHY_UPSTREAM',
    );
    expect(dispatch({ ...withWaypoint, workloads: [...pods, far, farGateway()] })).toBe('refuse UNKNOWN_WAYPOINT');
  });
});
