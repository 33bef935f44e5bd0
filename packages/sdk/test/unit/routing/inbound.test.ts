import { describe, expect, it } from 'vitest';
import type { Service, Workload } from '../../../src/discovery/model.js';
import { type InboundRequest, planInbound } from '../../../src/routing/index.js';
import {
  atService,
  line,
  memberOf,
  pod,
  port,
  service,
  snapshotOf,
  spiffe,
  type World,
} from '../../support/routing-world.js';

const HOST = 'reviews.shop.svc.cluster.local';
const reviews = service('reviews', '10.96.0.10', { ports: [port(80, 8080), port(81, 0), port(82, 0)] });
const ratings = service('ratings', '10.96.0.11');
const local = pod('reviews-1', '10.1.0.2', { services: new Map([[reviews.key, [port(81, 8081)]]]) });
const world: World = { workloads: [local, pod('other', '10.1.0.3', memberOf(ratings))], services: [reviews, ratings] };

function plan(authority: string | undefined, more: Partial<InboundRequest> = {}, at: World = world) {
  const peerIdentity = spiffe('shop', 'storefront');
  return planInbound(snapshotOf(at), {
    local,
    localAddress: '10.1.0.2',
    network: 'net-1',
    authority,
    peerIdentity,
    ...more,
  });
}

describe('planInbound by address', () => {
  it.each([
    ['its own address on any port', '10.1.0.2:9999', 'direct 10.1.0.2:9999'],
    ['its own address as mapped IPv6', '[::ffff:10.1.0.2]:80', 'direct 10.1.0.2:80'],
    ["another workload's address", '10.1.0.3:80', 'refuse AUTHORITY_NOT_LOCAL'],
    ["its service's VIP: only a waypoint is asked for one", '10.96.0.10:80', 'refuse AUTHORITY_NOT_LOCAL'],
    ['loopback', '127.0.0.1:80', 'refuse AUTHORITY_NOT_LOCAL'],
    ["the proxy's own HBONE port", '10.1.0.2:15008', 'refuse RECURSIVE_CALL'],
    ["the proxy's own outbound port", '10.1.0.2:15001', 'refuse RECURSIVE_CALL'],
    ['nothing', undefined, 'refuse BAD_AUTHORITY'],
    ['no port', '10.1.0.2', 'refuse BAD_AUTHORITY'],
  ])('%s', (_, authority, expected) => {
    expect(line(plan(authority))).toBe(expected);
  });

  it('dials the address that was dialled, however the socket writes it', () => {
    expect(line(plan('10.1.0.2:80', { localAddress: '::ffff:10.1.0.2' }))).toBe('direct 10.1.0.2:80');
  });

  it('a waypoint is asked for the services and workloads bound to it', () => {
    const waypoints = service('waypoint', '10.96.0.99', { ports: [port(15008, 15008)] });
    const waypoint = pod('waypoint-1', '10.1.0.2', memberOf(waypoints));
    const bound = { ...reviews, waypoint: atService(waypoints) };
    const boundPod = pod('db-1', '10.1.0.7', { waypoint: atService(waypoints) });
    const at = { workloads: [waypoint, boundPod], services: [waypoints, bound, ratings] };

    expect(line(plan('10.96.0.10:80', { local: waypoint }, at))).toBe('direct 10.1.0.2:80');
    expect(line(plan('10.1.0.7:5432', { local: waypoint }, at))).toBe('direct 10.1.0.2:5432');
    expect(line(plan('10.96.0.11:80', { local: waypoint }, at))).toBe('refuse AUTHORITY_NOT_LOCAL');
  });

  it('names who asked when it refuses', () => {
    expect(plan('10.1.0.3:80')).toMatchObject({ reason: expect.stringContaining(spiffe('shop', 'storefront')) });
  });
});

describe('planInbound by name', () => {
  it.each([
    ["the service's target port", `${HOST}:80`, 'direct 10.1.0.2:8080'],
    ["the endpoint's own mapping of the port", `${HOST}:81`, 'direct 10.1.0.2:8081'],
    ['a port without a target anywhere', `${HOST}:82`, 'refuse UNKNOWN_PORT'],
    ['a port the service does not list', `${HOST}:83`, 'refuse UNKNOWN_PORT'],
    // hbone §10.fact.3
    ['a name nobody has', 'nowhere.shop.svc.cluster.local:80', 'refuse UNKNOWN_DESTINATION'],
    ['a service it does not serve, from its own network', 'ratings.shop.svc.cluster.local:80', 'direct 10.1.0.2:8080'],
  ])('%s', (_, authority, expected) => {
    expect(line(plan(authority))).toBe(expected);
  });

  // hbone §10.fact.4
  it('a private service of another namespace does not exist, even for a peer of that namespace', () => {
    const hidden = service('hidden', '10.96.0.12', { namespace: 'secret', visibility: 'namespace' });

    expect(line(plan(`${hidden.hostname}:80`, {}, { ...world, services: [hidden] }))).toBe(
      'refuse UNKNOWN_DESTINATION',
    );
  });

  it('of several services of one name the one it belongs to is meant', () => {
    const twin = service('reviews', '', {
      namespace: 'other',
      hostname: HOST,
      key: `other/${HOST}`,
      ports: [port(80, 1)],
    });
    const member = pod('reviews-1', '10.1.0.2', memberOf(twin));

    expect(line(plan(`${HOST}:80`, { local: member }, { workloads: [member], services: [reviews, twin] }))).toBe(
      'direct 10.1.0.2:1',
    );
  });
});

describe('planInbound of what comes from another network', () => {
  const far = { forwardedNetwork: 'net-2' };

  it.each([
    ['a name of a service of this workload', `${HOST}:81`, 'direct 10.1.0.2:8081'],
    ['a service it does not serve', 'ratings.shop.svc.cluster.local:80', 'refuse AUTHORITY_NOT_LOCAL'],
    ['an address, its own included', '10.1.0.2:8080', 'refuse AUTHORITY_NOT_LOCAL'],
  ])('%s', (_, authority, expected) => {
    expect(line(plan(authority, far))).toBe(expected);
  });

  it('a waypoint with a ztunnel in front of it serves the services bound to it', () => {
    const waypoints = service('waypoint', '', { ports: [port(15008, 15008)] });
    const waypoint = pod('waypoint-1', '10.1.0.2', memberOf(waypoints));
    const bound = { ...reviews, waypoint: atService(waypoints) };

    expect(
      line(plan(`${HOST}:80`, { ...far, local: waypoint }, { workloads: [waypoint], services: [waypoints, bound] })),
    ).toBe('direct 10.1.0.2:8080');
  });

  it('the own network in other letters is the own network', () => {
    expect(line(plan('10.1.0.2:80', { forwardedNetwork: 'NET-1' }))).toBe('direct 10.1.0.2:80');
  });
});

describe('planInbound and application tunnels', () => {
  const tunnelled = (tunnel: Workload['applicationTunnel'] & object) => ({
    local: { ...local, applicationTunnel: tunnel },
  });

  it.each([
    ['its port replaces the one asked for', 3000, '10.1.0.2:80', 'direct 10.1.0.2:3000'],
    ['foreign addresses are its business', 3000, '192.0.2.1:443', 'direct 10.1.0.2:3000'],
    ['without a port the one asked for stays', 0, '192.0.2.1:443', 'direct 10.1.0.2:443'],
    ['its port stands in for a target nobody knows', 3000, `${HOST}:82`, 'direct 10.1.0.2:3000'],
  ])('%s', (_, tunnelPort, authority, expected) => {
    expect(line(plan(authority, tunnelled({ protocol: 'none', port: tunnelPort })))).toBe(expected);
  });

  describe('that ask for the PROXY protocol', () => {
    const announced = (authority: string, services?: readonly Service[]) => {
      const given = services ? { ...world, services } : world;
      const planned = plan(authority, tunnelled({ protocol: 'proxy', port: 3000 }), given);
      return planned.kind === 'direct' ? planned.announced : planned.fault;
    };
    const vips = (...ips: readonly (readonly [network: string, ip: string])[]) => [
      { ...reviews, addresses: ips.map(([network, ip]) => ({ network, ip })) },
    ];

    it('are told the address that was asked for, foreign or own', () => {
      expect(announced('192.0.2.1:443')).toEqual({ address: { host: '192.0.2.1', port: 443 } });
      expect(announced('10.1.0.2:80')).toEqual({ address: { host: '10.1.0.2', port: 80 } });
    });

    // hbone §10.fact.11
    it.each([
      ['its address of the own network', vips(['net-2', '10.97.0.1'], ['net-1', '10.96.0.1']), '10.96.0.1'],
      ['IPv4 before IPv6', vips(['net-1', '2001:db8::1'], ['net-1', '10.96.0.1']), '10.96.0.1'],
      ['another network when it has none here', vips(['net-2', '2001:db8::2']), '2001:db8::2'],
    ])('are told a service asked for by name as %s, with its name and port', (_, services, host) => {
      expect(announced(`${HOST}:80`, services)).toEqual({ address: { host, port: 80 }, hostname: HOST });
    });

    it('are not reached by the name of a service that has no address (503, as ztunnel)', () => {
      expect(announced(`${HOST}:80`, vips())).toBe('UNKNOWN_DESTINATION');
    });
  });
});

describe('the service telemetry hears of', () => {
  const two = service('books', '10.96.0.12', { ports: [port(80, 8080)] });
  const member = pod('reviews-1', '10.1.0.2', memberOf(reviews, two));
  const at = { workloads: [member], services: [reviews, two] };
  const told = (authority: string, forwarded?: string) =>
    plan(authority, { local: member, forwarded }, at).service?.hostname;

  it.each([
    ['is the one named', `${HOST}:80`, undefined, HOST],
    ['is the one the client says it asked for', '10.1.0.2:8080', `for=x;host=${two.hostname}`, two.hostname],
    ['is the first on that port when the client is silent', '10.1.0.2:8080', undefined, HOST],
    ['is not one the workload is not in', '10.1.0.2:8080', 'for=x;host=evil.example.com', HOST],
    ['is none on a port of no service', '10.1.0.2:9999', undefined, undefined],
  ])('%s', (_, authority, forwarded, expected) => {
    expect(told(authority, forwarded)).toBe(expected);
  });
});
