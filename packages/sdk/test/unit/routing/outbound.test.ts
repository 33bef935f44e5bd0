import { describe, expect, it } from 'vitest';
import { type OutboundTarget, planOutbound } from '../../../src/routing/index.js';
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

const storefront = pod('storefront', '10.1.0.1');
const reviews = service('reviews', '10.96.0.10', { subjectAltNames: [spiffe('shop', 'reviews')] });
const reviewsPod = pod('reviews-1', '10.1.0.2', memberOf(reviews));
const farReviews = standIn(reviews, atAddress('10.9.0.2', FAR));
const HOST = 'reviews.shop.svc.cluster.local';
const vip: OutboundTarget = { kind: 'address', ip: '10.96.0.10', port: 80 };

function to(text: string): OutboundTarget {
  const [host = '', at = ''] = text.split(/:(?=\d+$)/);
  return /^[\d.]+$|:/.test(host)
    ? { kind: 'address', ip: host, port: Number(at) }
    : { kind: 'hostname', hostname: host, port: Number(at) };
}

function plan(world: World, target: OutboundTarget | string, random = first, source = storefront) {
  const asked = typeof target === 'string' ? to(target) : target;
  return planOutbound(snapshotOf(world), { source, network: 'net-1', target: asked, random });
}

describe('planOutbound without waypoints', () => {
  const local: World = { workloads: [storefront, reviewsPod], services: [reviews] };
  const TO_POD = 'endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:8080';

  it.each([
    ['a VIP is balanced to a pod on its target port', '10.96.0.10:80', TO_POD],
    ['an IPv4-mapped VIP is the same VIP', '::ffff:10.96.0.10:80', TO_POD],
    ['a full service name is taken', `${HOST}:80`, TO_POD],
    ['a name is taken in any case and with its root dot', 'Reviews.Shop.svc.cluster.local.:80', TO_POD],
    ['a bare name means the service of the own namespace', 'reviews:80', TO_POD],
    ['name.namespace means the service there', 'reviews.shop:80', TO_POD],
    ['name.namespace.svc means the service there', 'reviews.shop.svc:80', TO_POD],
    [
      'a pod IP goes to that pod on that very port',
      '10.1.0.2:9999',
      'endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:9999',
    ],
    ['an address nobody has is passed through', '192.0.2.7:443', 'direct 192.0.2.7:443'],
    ['a name nobody has is refused', 'nowhere.example.com:443', 'refuse UNKNOWN_DESTINATION'],
    ['a text that cannot be a name is refused', 'no such host:80', 'refuse UNKNOWN_DESTINATION'],
    ['a port the service does not list is refused', '10.96.0.10:81', 'refuse UNKNOWN_PORT'],
    ["a proxy's own port on loopback is refused", '127.0.0.1:15008', 'refuse RECURSIVE_CALL'],
    ['the same on IPv6 is refused', '::1:15001', 'refuse RECURSIVE_CALL'],
  ])('%s', (_, target, expected) => {
    expect(line(plan(local, target))).toBe(expected);
  });

  it('an address given as a name is an address', () => {
    const pod = plan(local, { kind: 'hostname', hostname: '10.1.0.2', port: 80 });
    const self = plan(local, { kind: 'hostname', hostname: '127.0.0.1', port: 15006 });

    expect(line(pod)).toBe('endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:80');
    expect(line(self)).toBe('refuse RECURSIVE_CALL');
  });

  it('a bare name does not reach into another namespace', () => {
    const other = pod('client', '10.1.0.9', { namespace: 'other' });

    expect(line(plan(local, 'reviews:80', first, other))).toBe('refuse UNKNOWN_DESTINATION');
  });

  it('a pod outside the mesh is reached by plain TCP on the mapped port', () => {
    const plain = { ...reviewsPod, tunnelProtocol: 'none' as const };

    expect(line(plan({ workloads: [storefront, plain], services: [reviews] }, vip))).toBe('direct 10.1.0.2:8080');
  });

  it('an endpoint known by hostname alone is dialled by it', () => {
    const external = pod('db', '', { hostname: 'db.example.com', tunnelProtocol: 'none', ...memberOf(reviews) });

    expect(line(plan({ workloads: [storefront, external], services: [reviews] }, vip))).toBe(
      'direct db.example.com:8080',
    );
  });

  it('a service with no usable endpoint is refused, and the reason counts why', () => {
    const sick = { ...reviewsPod, healthy: false };
    const decided = plan({ workloads: [storefront, sick], services: [reviews] }, vip);

    expect(decided).toMatchObject({
      kind: 'refuse',
      fault: 'NO_HEALTHY_UPSTREAM',
      reason: `no endpoint of shop/${HOST} can serve port 80: 1 not healthy`,
      candidates: [{ uid: sick.uid, verdict: 'passed-over', reason: 'not healthy' }],
    });
  });

  it('a passthrough service goes where the client asked', () => {
    const through = service('reviews', '10.96.0.10', {
      loadBalancing: { mode: 'passthrough', routingPreference: [], healthPolicy: 'only-healthy' },
    });

    expect(line(plan({ ...local, services: [through] }, vip))).toBe('direct 10.96.0.10:80');
  });

  it('a service that is private to another namespace does not exist', () => {
    const hidden = service('reviews', '10.96.0.10', { namespace: 'secret', visibility: 'namespace' });

    expect(line(plan({ workloads: [storefront], services: [hidden] }, `${hidden.hostname}:80`))).toBe(
      'refuse UNKNOWN_DESTINATION',
    );
  });

  it('a VIP shared by two namespaces means the service of the own one', () => {
    const mine = service('reviews', '10.96.0.10', { canonical: false });
    const theirs = service('ratings', '10.96.0.10', { namespace: 'other' });
    const world = { workloads: [storefront, pod('reviews-1', '10.1.0.2', memberOf(mine))], services: [theirs, mine] };

    expect(plan(world, vip).service?.key).toBe(mine.key);
  });

  it('a service wins over a workload on the same address for the ports it lists, the workload for the others', () => {
    const egress = service('egress', '', { addresses: [{ network: 'net-1', ip: '10.1.0.2' }] });
    const target = pod('reviews-1', '10.1.0.2', memberOf(egress));
    const world = { workloads: [storefront, target], services: [egress] };

    expect(line(plan(world, '10.1.0.2:80'))).toBe('endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:8080');
    expect(line(plan(world, '10.1.0.2:81'))).toBe('endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:81');
  });

  it('a workload wins over a service that only has a block around its address', () => {
    const block = service('block', '', { addresses: [{ network: 'net-1', ip: '10.1.0.0', length: 16 }] });

    expect(line(plan({ workloads: [storefront, reviewsPod], services: [block] }, '10.1.0.2:80'))).toBe(
      'endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:80',
    );
  });

  it('dual-stack endpoints are dialled in the family asked for', () => {
    const dual = pod('reviews-1', '', { addresses: ['10.1.0.2', 'fd00::2'], ...memberOf(reviews) });
    const six = service('reviews', '', { addresses: [{ network: 'net-1', ip: 'fd00:96::10' }] });

    expect(line(plan({ workloads: [storefront, dual], services: [six] }, 'fd00:96::10:80'))).toBe(
      'endpoint fd00::2:15008 as shop/reviews asks [fd00::2]:8080',
    );
  });
});

describe('planOutbound across networks', () => {
  const world: World = { workloads: [storefront, farReviews, farGateway()], services: [reviews] };
  const NESTED = `nested 10.9.0.2:15008 as istio-system/eastwest asks ${HOST}:80 of shop/reviews`;

  // hbone §10.client.3, hbone §10.fact.1
  it('a far endpoint is reached through its gateway, and only the service says who answers', () => {
    expect(line(plan(world, vip))).toBe(NESTED);
  });

  it('a name leads there as well as a VIP', () => {
    expect(line(plan(world, 'reviews:80'))).toBe(NESTED);
  });

  it('a service without a VIP here is reached by name', () => {
    const remoteOnly = { ...reviews, addresses: [] };

    expect(line(plan({ ...world, services: [remoteOnly] }, `${HOST}:80`))).toBe(NESTED);
  });

  it('a gateway named by its service is balanced and its port mapped', () => {
    const gateway = service('eastwest', '', { namespace: 'istio-system', ports: [port(15008, 25008)] });
    const far = standIn(reviews, atService(gateway));
    const workloads = [storefront, far, farGateway('10.9.0.3', memberOf(gateway))];

    expect(line(plan({ workloads, services: [reviews, gateway] }, vip))).toBe(
      `nested 10.9.0.3:25008 as istio-system/eastwest asks ${HOST}:80 of shop/reviews`,
    );
  });

  it('refuses when no gateway is known', () => {
    const decided = plan({ workloads: [storefront, farReviews], services: [reviews] }, vip);

    expect(decided).toMatchObject({ kind: 'refuse', fault: 'NO_GATEWAY' });
    expect(decided.kind === 'refuse' && decided.reason).toContain('10.9.0.2:15008 on network "net-2"');
  });

  it('refuses when the gateway is known to be down', () => {
    const workloads = [storefront, farReviews, farGateway('10.9.0.2', { healthy: false })];

    expect(line(plan({ workloads, services: [reviews] }, vip))).toBe('refuse NO_GATEWAY');
  });

  it('refuses when a far record names no gateway', () => {
    const { networkGateway: _, ...bare } = farReviews;

    expect(line(plan({ workloads: [storefront, bare], services: [reviews] }, vip))).toBe('refuse NO_GATEWAY');
  });

  it('refuses rather than expect nobody when the service declares no identity', () => {
    const silent = service('reviews', '10.96.0.10');
    const decided = plan({ workloads: [storefront, farReviews, farGateway()], services: [silent] }, vip);

    expect(decided.kind).toBe('refuse');
    expect(decided.kind === 'refuse' && decided.reason).toContain('subject_alt_names');
  });

  it('an identity that is no SPIFFE id counts as none', () => {
    const odd = service('reviews', '10.96.0.10', { subjectAltNames: ['reviews.example.com'] });

    expect(plan({ ...world, services: [odd] }, vip).kind).toBe('refuse');
  });

  it('passes over the far endpoint when it cannot be reached and takes the local one', () => {
    const workloads = [storefront, reviewsPod, farReviews];
    const decided = plan({ workloads, services: [reviews] }, vip, last);

    expect(line(decided)).toBe('endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:8080');
    expect(decided.candidates.map(({ verdict }) => verdict)).toEqual(['taken', 'passed-over']);
  });

  it('prefers the own network when the service asks for it', () => {
    const near = {
      ...reviews,
      loadBalancing: { mode: 'failover', routingPreference: ['network'], healthPolicy: 'only-healthy' },
    } as const;
    const workloads = [storefront, reviewsPod, farReviews, farGateway()];

    expect(plan({ workloads, services: [near] }, vip, last).kind).toBe('tunnel');
  });

  it('a pod IP of another network means nothing here', () => {
    const farPod = pod('reviews-9', '10.1.0.99', { network: FAR });

    expect(line(plan({ workloads: [storefront, farPod] }, '10.1.0.99:80'))).toBe('direct 10.1.0.99:80');
  });
});

describe('planOutbound through waypoints', () => {
  const waypointService = service('waypoint', '10.96.0.99', { ports: [port(15008, 15008)] });
  const waypointPod = pod('waypoint-1', '10.1.0.50', { nativeTunnel: true, ...memberOf(waypointService) });
  const bound = { ...reviews, waypoint: atService(waypointService) };
  const boundPod = pod('reviews-1', '10.1.0.2', memberOf(bound));
  const world: World = { workloads: [storefront, boundPod, waypointPod], services: [bound, waypointService] };
  const farWaypoint = standIn(waypointService, atAddress('10.9.0.2', FAR));
  const TO_WAYPOINT = 'waypoint 10.1.0.50:15008 as shop/waypoint asks 10.96.0.10:80';

  // hbone §10.client.3, hbone §10.fact.9
  it('a bound service is asked of its waypoint by VIP', () => {
    expect(line(plan(world, vip))).toBe(TO_WAYPOINT);
  });

  it('a name is asked of the waypoint by the VIP of the own network', () => {
    expect(line(plan(world, 'reviews:80'))).toBe(TO_WAYPOINT);
  });

  it('a service without a VIP here is asked of the waypoint by name', () => {
    const services = [{ ...bound, addresses: [] }, waypointService];

    expect(line(plan({ ...world, services }, 'reviews:80'))).toBe(
      `waypoint 10.1.0.50:15008 as shop/waypoint asks ${HOST}:80`,
    );
  });

  it('a waypoint named by its VIP is the same waypoint, its port mapped', () => {
    const mapped = { ...waypointService, ports: [port(15008, 25008)] };
    const services = [{ ...bound, waypoint: atAddress('10.96.0.99') }, mapped];
    const workloads = [storefront, boundPod, pod('waypoint-1', '10.1.0.50', memberOf(mapped))];

    expect(line(plan({ workloads, services }, vip))).toBe(
      'waypoint 10.1.0.50:25008 as shop/waypoint asks 10.96.0.10:80',
    );
  });

  it('a waypoint named by the address of its workload is dialled on the literal port', () => {
    const services = [{ ...bound, waypoint: atAddress('10.1.0.50', 'net-1', 15009) }, waypointService];

    expect(line(plan({ ...world, services }, vip))).toBe(
      'waypoint 10.1.0.50:15009 as shop/waypoint asks 10.96.0.10:80',
    );
  });

  it('an unknown waypoint is refused, never gone around', () => {
    const workloads = [storefront, boundPod];
    const services = [{ ...bound, waypoint: atAddress('10.96.0.77') }];
    const decided = plan({ workloads, services }, vip);

    expect(decided).toMatchObject({ kind: 'refuse', fault: 'UNKNOWN_WAYPOINT' });
    expect(decided.kind === 'refuse' && decided.reason).toContain('10.96.0.77:15008');
  });

  it('a waypoint without a healthy pod is refused, never gone around', () => {
    const workloads = [storefront, boundPod, { ...waypointPod, healthy: false }];

    expect(line(plan({ ...world, workloads }, vip))).toBe('refuse NO_HEALTHY_UPSTREAM');
  });

  it('a waypoint on another network is asked by name, as whoever is known to be that waypoint', () => {
    const workloads = [storefront, farWaypoint, farReviews, farGateway(), { ...waypointPod, healthy: false }];

    expect(line(plan({ workloads, services: [bound, waypointService] }, vip))).toBe(
      `nested 10.9.0.2:15008 as istio-system/eastwest asks ${HOST}:80 of shop/waypoint`,
    );
  });

  it('the identities its service declares count for a waypoint on another network', () => {
    const declared = { ...waypointService, subjectAltNames: [spiffe('shop', 'far-waypoint')] };
    const workloads = [storefront, farWaypoint, farReviews, farGateway()];

    expect(line(plan({ workloads, services: [bound, declared] }, vip))).toBe(
      `nested 10.9.0.2:15008 as istio-system/eastwest asks ${HOST}:80 of shop/far-waypoint`,
    );
  });

  it("the account of the waypoint's stand-in record is nobody's identity", () => {
    const workloads = [storefront, farWaypoint, farReviews, farGateway()];

    expect(line(plan({ workloads, services: [bound, waypointService] }, vip))).toBe('refuse UNKNOWN_WAYPOINT');
  });

  it('a service that is not served on another network never leaves by a waypoint there', () => {
    const workloads = [storefront, boundPod, waypointPod, farWaypoint, farGateway()];

    expect(line(plan({ workloads, services: [bound, waypointService] }, vip, last))).toBe(TO_WAYPOINT);
    expect(
      line(
        plan({ workloads: [storefront, boundPod, farWaypoint, farGateway()], services: [bound, waypointService] }, vip),
      ),
    ).toBe('refuse UNKNOWN_WAYPOINT');
  });

  it('the waypoint itself reaches its service without itself', () => {
    expect(line(plan(world, vip, first, waypointPod))).toBe(
      'endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:8080',
    );
  });

  // hbone §10.fact.10
  it('a passthrough service still goes through its waypoint', () => {
    const through = { mode: 'passthrough', routingPreference: [], healthPolicy: 'only-healthy' } as const;
    const services = [{ ...bound, loadBalancing: through }, waypointService];

    expect(line(plan({ ...world, services }, vip))).toBe(TO_WAYPOINT);
  });

  it('a bound workload addressed by IP goes through its waypoint, except for the waypoint', () => {
    const workloads = [storefront, { ...boundPod, waypoint: atService(waypointService) }, waypointPod];
    const services = [reviews, waypointService];

    expect(line(plan({ workloads, services }, '10.1.0.2:9999'))).toBe(
      'waypoint 10.1.0.50:15008 as shop/waypoint asks 10.1.0.2:9999',
    );
    expect(line(plan({ workloads, services }, '10.1.0.2:9999', first, waypointPod))).toBe(
      'endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:9999',
    );
    expect(line(plan({ workloads, services }, vip))).toBe('endpoint 10.1.0.2:15008 as shop/reviews asks 10.1.0.2:8080');
  });

  it('a bound workload whose waypoint is unknown is refused', () => {
    const workloads = [storefront, { ...boundPod, waypoint: atAddress('10.96.0.77') }];

    expect(line(plan({ workloads }, '10.1.0.2:80'))).toBe('refuse UNKNOWN_WAYPOINT');
  });

  it('weighted waypoints are drawn by weight, and a weight of 0 never', () => {
    const canary = service('canary', '10.96.0.98', { ports: [port(15008, 15008)] });
    const canaryPod = pod('canary-1', '10.1.0.51', memberOf(canary));
    const weighted = (...weights: readonly [number, number]) => ({
      ...bound,
      weightedWaypoints: [
        { destination: atService(waypointService), weight: weights[0] },
        { destination: atService(canary), weight: weights[1] },
      ],
    });
    const planned = (weights: readonly [number, number], random: () => number) =>
      line(
        plan(
          {
            workloads: [...(world.workloads ?? []), canaryPod],
            services: [weighted(...weights), waypointService, canary],
          },
          vip,
          random,
        ),
      );

    expect(planned([90, 10], () => 0.89)).toContain('10.1.0.50');
    expect(planned([90, 10], () => 0.91)).toContain('10.1.0.51');
    expect(planned([0, 10], first)).toContain('10.1.0.51');
    expect(planned([0, 0], first)).toContain('10.1.0.50');
  });
});
