/**
 * The rules of hbone.md section 3 that no other test of routing pins down, one test per rule, named by its paragraph.
 * docs/routing.md lists all rules with their tests.
 */
import { describe, expect, it } from 'vitest';
import type { Service } from '../../../src/discovery/model.js';
import { planOutbound } from '../../../src/routing/index.js';
import {
  atAddress,
  atService,
  FAR,
  farGateway,
  first,
  last,
  line,
  memberOf,
  OWN,
  pod,
  port,
  service,
  snapshotOf,
  spiffe,
  standIn,
  type World,
} from '../../support/routing-world.js';

const storefront = pod('storefront', '10.1.0.1');
const block = (name: string, ip: string, length: number, more: Partial<Service> = {}) =>
  service(name, '', { addresses: [{ network: OWN, ip, length }], ...more });

function plan(world: World, host: string, port = 80, random = first) {
  const target = /[a-z]/.test(host.replaceAll(/[0-9a-f]*:/g, ''))
    ? ({ kind: 'hostname', hostname: host, port } as const)
    : ({ kind: 'address', ip: host, port } as const);
  const workloads = [storefront, ...(world.workloads ?? [])];
  return planOutbound(snapshotOf({ ...world, workloads }), { source: storefront, network: OWN, target, random });
}

/** The service that address or name means to a client of namespace `shop`. */
function meant(services: readonly Service[], host = '10.96.0.10'): string | undefined {
  return plan({ services }, host).service?.name;
}

describe('3.2 the decision tree', () => {
  it('3.2.1: a VIP is one of a network: that of another network is an address like any other here', () => {
    const far = service('reviews', '', { addresses: [{ network: FAR, ip: '10.96.0.10' }] });

    expect(line(plan({ services: [far] }, '10.96.0.10'))).toBe('direct 10.96.0.10:80');
  });

  it('3.2.1: one service has a VIP per network, and each is that service where it belongs', () => {
    const both = service('reviews', '', {
      addresses: [
        { network: FAR, ip: '10.96.7.7' },
        { network: OWN, ip: '10.96.0.10' },
      ],
    });
    const services = [both];

    expect(meant(services, '10.96.0.10')).toBe('reviews');
    expect(meant(services, '10.96.7.7')).toBeUndefined();
  });

  it('3.2.4: a known service without endpoints is refused, never passed through', () => {
    expect(plan({ services: [service('reviews', '10.96.0.10')] }, '10.96.0.10')).toMatchObject({
      kind: 'refuse',
      fault: 'NO_HEALTHY_UPSTREAM',
    });
  });

  it('3.2.6: the waypoint of a workload does not stand before a service the workload is in', () => {
    const reviews = service('reviews', '10.96.0.10');
    const bound = pod('reviews-1', '10.1.0.2', { ...memberOf(reviews), waypoint: atAddress('10.1.0.50') });
    const world = { services: [reviews], workloads: [bound, pod('waypoint', '10.1.0.50')] };

    expect(line(plan(world, '10.96.0.10'))).toContain('endpoint 10.1.0.2:15008');
    expect(line(plan(world, '10.1.0.2'))).toContain('waypoint 10.1.0.50:15008');
  });
});

describe('3.3 which of several services', () => {
  const vip = (namespace: string, more: Partial<Service> = {}) =>
    service(namespace, '10.96.0.10', { namespace, canonical: false, ...more });

  it.each<[string, readonly Service[], string | undefined]>([
    ['the own namespace beats the canonical one', [vip('other', { canonical: true }), vip('shop')], 'shop'],
    ['the canonical one beats the first', [vip('other'), vip('third', { canonical: true })], 'third'],
    ['the first of equals', [vip('other'), vip('third')], 'other'],
    [
      'one that its owner keeps to its namespace is not there for others',
      [vip('other', { visibility: 'namespace' })],
      undefined,
    ],
    ['kept to the own namespace it is', [vip('shop', { visibility: 'namespace' })], 'shop'],
    [
      'an exact VIP beats a block, even one of the own namespace',
      [block('block', '10.96.0.0', 16), vip('other')],
      'other',
    ],
    [
      'a block counts where the only exact VIP is not visible',
      [vip('other', { visibility: 'namespace' }), block('block', '10.96.0.0', 16)],
      'block',
    ],
    ['the narrower block', [block('wide', '10.0.0.0', 8), block('narrow', '10.96.0.0', 24)], 'narrow'],
    [
      'a block of the own namespace beats a narrower one of another',
      [block('theirs', '10.96.0.0', 24, { namespace: 'other' }), block('ours', '10.0.0.0', 8)],
      'ours',
    ],
    [
      'of equal blocks the canonical one',
      [block('a', '10.96.0.0', 24, { canonical: false }), block('b', '10.96.0.0', 24)],
      'b',
    ],
    ['a block of all bits is an exact VIP', [block('host', '10.96.0.10', 32), block('wide', '10.0.0.0', 8)], 'host'],
  ])('3.3: %s', (_, services, expected) => {
    expect(meant(services)).toBe(expected);
  });

  it('3.3: the same for a name', () => {
    const named = (namespace: string, canonical: boolean) =>
      service(namespace, '', { namespace, hostname: 'api.example.com', canonical });

    expect(meant([named('other', true), named('shop', false)], 'api.example.com')).toBe('shop');
    expect(meant([named('other', false), named('third', true)], 'api.example.com')).toBe('third');
  });
});

describe('3.4 endpoint choice', () => {
  const waypoint = service('waypoint', '10.96.0.99', { ports: [] });
  const bound = service('reviews', '10.96.0.10', { waypoint: atService(waypoint) });

  it('3.4: a waypoint service may leave out the port when its pods have an application tunnel', () => {
    const tunnelled = pod('waypoint-1', '10.1.0.50', {
      services: new Map([[waypoint.key, []]]),
      applicationTunnel: { protocol: 'none', port: 15088 },
    });
    const bare = pod('waypoint-1', '10.1.0.50', { services: new Map([[waypoint.key, []]]) });
    const services = [bound, waypoint];

    expect(line(plan({ services, workloads: [tunnelled] }, '10.96.0.10'))).toContain('waypoint 10.1.0.50:15008');
    expect(line(plan({ services, workloads: [bare] }, '10.96.0.10'))).toBe('refuse UNKNOWN_PORT');
  });

  it("3.4: a listed port with target 0 is the endpoint's own to map", () => {
    const reviews = service('reviews', '10.96.0.10', { ports: [port(80, 0)] });
    const mapped = pod('reviews-1', '10.1.0.2', { services: new Map([[reviews.key, [port(80, 9090)]]]) });

    expect(line(plan({ services: [reviews], workloads: [mapped] }, '10.96.0.10'))).toContain('asks 10.1.0.2:9090');
  });

  it('3.4: all capacities 0 leave no upstream', () => {
    const reviews = service('reviews', '10.96.0.10');
    const idle = pod('reviews-1', '10.1.0.2', { ...memberOf(reviews), capacity: 0 });

    expect(line(plan({ services: [reviews], workloads: [idle] }, '10.96.0.10'))).toBe('refuse NO_HEALTHY_UPSTREAM');
  });

  it('3.4: a record without address is an endpoint only on another network and with a gateway', () => {
    const reviews = service('reviews', '10.96.0.10', { subjectAltNames: [spiffe('shop', 'reviews')] });
    const gateway = farGateway();
    const here = standIn(reviews, atAddress('10.9.0.2', FAR), { network: OWN });
    const there = standIn(reviews, atAddress('10.9.0.2', FAR));
    const services = [reviews];

    expect(line(plan({ services, workloads: [gateway, here] }, '10.96.0.10'))).toBe('refuse NO_HEALTHY_UPSTREAM');
    expect(plan({ services, workloads: [gateway, there] }, '10.96.0.10').kind).toBe('nested');
  });
});

describe('3.5 headless, host network, hostname', () => {
  it('3.5: a headless service is met by name, and its pods by their own addresses', () => {
    const headless = service('db', '');
    const world = { services: [headless], workloads: [pod('db-0', '10.1.0.2', memberOf(headless))] };

    expect(line(plan(world, 'db.shop.svc.cluster.local'))).toContain('asks 10.1.0.2:8080');
    expect(line(plan(world, '10.1.0.2', 8080))).toContain('asks 10.1.0.2:8080');
    expect(plan(world, '10.1.0.2', 8080).service).toBeUndefined();
  });

  it.each(['db-0.db', 'db-0.db.shop', 'db-0.db.shop.svc', 'db-0.db.shop.svc.cluster.local'])(
    '3.5: %s is one pod of a headless service, on the port that was asked for',
    (name) => {
      const headless = service('db', '');
      const pods = [pod('db-0', '10.1.0.2', memberOf(headless)), pod('db-1', '10.1.0.3', memberOf(headless))];
      const world = { services: [headless], workloads: pods };

      expect(line(plan(world, name, 9042))).toContain('asks 10.1.0.2:9042');
      expect(line(plan(world, name.replace('db-0', 'db-7')))).toBe('refuse UNKNOWN_DESTINATION');
    },
  );

  it('3.5: of two pods of one name that of the own cluster is meant; of a service with an address none, as in Kubernetes', () => {
    const headless = service('db', '');
    const twins = (of: Service) => [
      pod('db-0', '10.1.0.2', { uid: 'c2//Pod/shop/db-0', clusterId: 'c2', ...memberOf(of) }),
      pod('db-0', '10.1.0.3', { uid: 'c1//Pod/shop/db-0', ...memberOf(of) }),
    ];
    const balanced = service('db', '10.96.0.10');
    const at = 'db-0.db.shop.svc.cluster.local';

    expect(line(plan({ services: [headless], workloads: twins(headless) }, at))).toContain('asks 10.1.0.3:80');
    expect(line(plan({ services: [balanced], workloads: twins(balanced) }, at))).toBe('refuse UNKNOWN_DESTINATION');
  });

  it('3.5: a pod elsewhere is met by the service of its name, through the gateway', () => {
    const headless = service('db', '');
    const one = service('db-0', '240.240.0.7', {
      hostname: 'db-0.db.shop.svc.cluster.local',
      ports: [port(9042, 9042)],
      subjectAltNames: [spiffe('shop', 'db')],
    });
    const workloads = [farGateway(), standIn(one, atAddress('10.9.0.2', FAR))];

    const found = plan({ services: [headless, one], workloads }, one.hostname, 9042);

    expect(line(found)).toMatch(
      /^nested 10\.9\.0\.2:15008 .* asks db-0\.db\.shop\.svc\.cluster\.local:9042 of shop\/db$/,
    );
  });

  it('3.5: a host-network pod is no meaning of its address, but an endpoint of its services', () => {
    const agent = service('agent', '10.96.0.10');
    const onHost = pod('agent-1', '192.0.2.1', { networkMode: 'host', tunnelProtocol: 'none', ...memberOf(agent) });
    const world = { services: [agent], workloads: [onHost] };

    expect(plan(world, '192.0.2.1', 8080)).not.toHaveProperty('destination');
    expect(plan(world, '10.96.0.10')).toMatchObject({ kind: 'direct', destination: { uid: onHost.uid } });
  });

  it('3.5: of several workloads on one address a pod that speaks HBONE is meant, then any pod, then any HBONE', () => {
    const at = (name: string, uid: string, tunnelProtocol: 'hbone' | 'none') =>
      pod(name, '10.1.0.2', { uid, tunnelProtocol });
    const others = [at('other', 'c/WorkloadEntry/other', 'none'), at('hbone', 'c/WorkloadEntry/hbone', 'hbone')];
    const pods = [at('plain', 'c//Pod/shop/plain', 'none'), at('best', 'c//Pod/shop/best', 'hbone')];
    const taken = (...workloads: typeof pods) => plan({ workloads }, '10.1.0.2').candidates[0]?.uid;

    expect(taken(...others)).toBe('c/WorkloadEntry/hbone');
    expect(taken(...others, ...pods.slice(0, 1))).toBe('c//Pod/shop/plain');
    expect(taken(...others, ...pods)).toBe('c//Pod/shop/best');
  });
});

describe('3.6 the address of the chosen workload', () => {
  const dual = service('api', '', {
    addresses: [
      { network: OWN, ip: 'fd00:96::10' },
      { network: OWN, ip: '10.96.0.10' },
    ],
  });
  const backend = (of: Service) => pod('api-1', '', { addresses: ['10.1.0.2', 'fd00::2'], ...memberOf(of) });
  const asks = (of: Service, host: string) => line(plan({ services: [of], workloads: [backend(of)] }, host));

  it('3.6.1: the address asked for, when it is one of its own', () => {
    expect(asks(dual, 'fd00::2')).toContain('asks [fd00::2]:80');
  });

  it('3.6.2: the first of the family asked for', () => {
    expect(asks(dual, 'fd00:96::10')).toContain('asks [fd00::2]:8080');
    expect(asks(dual, '10.96.0.10')).toContain('asks 10.1.0.2:8080');
  });

  it('3.6.2: what the service allows goes before what was asked for', () => {
    const four = { ...dual, ipFamilies: 'ipv4' } as const;

    expect(asks(four, 'fd00:96::10')).toContain('asks 10.1.0.2:8080');
  });
});

describe('3.7 network gateways', () => {
  const reviews = service('reviews', '10.96.0.10', { subjectAltNames: [spiffe('shop', 'reviews')] });

  it('3.7: by address, a VIP of a service: its port table maps the port, its pods are balanced', () => {
    const eastwest = service('eastwest', '', {
      namespace: 'istio-system',
      addresses: [{ network: FAR, ip: '10.97.0.1' }],
      ports: [port(15008, 25008)],
    });
    const workloads = [farGateway('10.9.0.3', memberOf(eastwest)), standIn(reviews, atAddress('10.97.0.1', FAR))];

    expect(line(plan({ services: [reviews, eastwest], workloads }, '10.96.0.10'))).toContain('nested 10.9.0.3:25008');
  });

  it('3.7: by address, a workload: the port is literal', () => {
    const workloads = [farGateway('10.9.0.3'), standIn(reviews, atAddress('10.9.0.3', FAR, 15443))];

    expect(line(plan({ services: [reviews], workloads }, '10.96.0.10'))).toContain('nested 10.9.0.3:15443');
  });

  it('3.7: by hostname, a workload that has it (a load balancer with a name)', () => {
    const balancer = farGateway('', { uid: 'NetworkGateway/lb', hostname: 'lb.example.com' });
    const destination = { kind: 'hostname', name: { namespace: 'istio-system', hostname: 'lb.example.com' } } as const;
    const workloads = [balancer, standIn(reviews, { destination, hboneMtlsPort: 15008 })];

    expect(line(plan({ services: [reviews], workloads }, '10.96.0.10'))).toContain('nested lb.example.com:15008');
  });

  it('3.7: without a service there is nothing to ask a gateway for', () => {
    const odd = pod('reviews-9', '10.1.0.2', {
      hostname: 'odd',
      network: FAR,
      networkGateway: atAddress('10.9.0.2', FAR),
    });

    expect(line(plan({ workloads: [farGateway(), odd] }, 'odd'))).toBe('refuse NO_GATEWAY');
  });
});

describe('3.9, 3.10, 3.12', () => {
  it("3.9: only the destination's own waypoint goes past it, another waypoint does not", () => {
    const reviews = service('reviews', '10.96.0.10', { waypoint: atAddress('10.1.0.1') });
    const backend = pod('reviews-1', '10.1.0.2', memberOf(reviews));
    const other = { ...reviews, waypoint: atAddress('10.1.0.50') };
    const workloads = [backend, pod('waypoint', '10.1.0.50')];

    // The source of these plans is at 10.1.0.1.
    expect(line(plan({ services: [reviews], workloads }, '10.96.0.10'))).toContain('endpoint 10.1.0.2');
    expect(line(plan({ services: [other], workloads }, '10.96.0.10'))).toContain('waypoint 10.1.0.50');
  });

  it("3.10: a proxy's port is refused on loopback only; on another host it is somebody else's", () => {
    expect(line(plan({}, '127.0.0.1', 15001))).toBe('refuse RECURSIVE_CALL');
    expect(line(plan({}, '192.0.2.1', 15001))).toBe('direct 192.0.2.1:15001');
  });

  it('3.12: weights that are all 0 fall back on the single waypoint; a drawn one is never gone around', () => {
    const one = pod('one', '10.1.0.50');
    const weighted = (weight: number) =>
      service('reviews', '10.96.0.10', {
        waypoint: atAddress('10.1.0.50'),
        weightedWaypoints: [{ destination: atAddress('10.1.0.51'), weight }],
      });

    expect(line(plan({ services: [weighted(0)], workloads: [one] }, '10.96.0.10'))).toContain('waypoint 10.1.0.50');
    expect(line(plan({ services: [weighted(1)], workloads: [one] }, '10.96.0.10', 80, last))).toBe(
      'refuse UNKNOWN_WAYPOINT',
    );
  });
});
