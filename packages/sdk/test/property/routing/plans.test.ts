import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LoadBalancing, Service, Workload } from '../../../src/discovery/model.js';
import { type Plan, planGateway, planInbound, planOutbound, planWaypointUpstream } from '../../../src/routing/index.js';
import { anyText } from '../../support/any-text.js';
import {
  atAddress,
  atService,
  FAR,
  farGateway,
  memberOf,
  pod,
  port,
  service,
  snapshotOf,
  spiffe,
  standIn,
} from '../../support/routing-world.js';
import { seeded } from '../../support/seeded.js';

const client = pod('client', '10.1.0.1');

describe('weights', () => {
  it('give each endpoint its share of the capacity within 5 %', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        (capacities, seed) => {
          const api = service('api', '10.96.0.10');
          const pods = capacities.map((capacity, i) =>
            pod(`api-${i}`, `10.1.1.${i + 1}`, { capacity, ...memberOf(api) }),
          );
          const snapshot = snapshotOf({ services: [api], workloads: pods });
          const total = capacities.reduce((sum, capacity) => sum + capacity, 0);
          const random = seeded(seed);
          const target = { kind: 'address', ip: '10.96.0.10', port: 80 } as const;
          const rounds = 2000;

          const drawn = new Map<string, number>();
          for (let i = 0; i < rounds; i++) {
            const plan = planOutbound(snapshot, { source: client, network: 'net-1', target, random });
            if (plan.kind === 'tunnel') drawn.set(plan.destination.uid, (drawn.get(plan.destination.uid) ?? 0) + 1);
          }

          for (const { uid, capacity } of pods) {
            const share = (drawn.get(uid) ?? 0) / rounds;
            expect(Math.abs(share - (total === 0 ? 0 : capacity / total))).toBeLessThan(0.05);
            if (capacity === 0) expect(share).toBe(0);
          }
        },
      ),
      { seed: 1, numRuns: 8 },
    );
  });
});

const loadBalancing: fc.Arbitrary<LoadBalancing> = fc.record({
  mode: fc.constantFrom('standard', 'strict', 'failover', 'passthrough'),
  routingPreference: fc.uniqueArray(fc.constantFrom('region', 'zone', 'subzone', 'node', 'cluster', 'network')),
  healthPolicy: fc.constantFrom('only-healthy', 'only-healthy', 'allow-all'),
});

const endpoint = fc.record({
  healthy: fc.boolean(),
  capacity: fc.integer({ min: 0, max: 3 }),
  tunnelProtocol: fc.constantFrom('hbone', 'hbone', 'none'),
  serviceAccount: fc.constantFrom('api', 'api', ''),
  locality: fc.record({
    region: fc.constantFrom('', 'eu'),
    zone: fc.constantFrom('', 'eu-a'),
    subzone: fc.constantFrom('', 'r1'),
  }),
  place: fc.constantFrom('here', 'here', 'hostname', 'far', 'far without gateway', 'far pod'),
});
type Endpoint = typeof endpoint extends fc.Arbitrary<infer T> ? T : never;

const mesh = fc.record({
  loadBalancing: fc.option(loadBalancing, { nil: undefined }),
  identities: fc.subarray([spiffe('shop', 'api'), 'no identity', 'spiffe:///ns/a/sa/b']),
  targetPort: fc.constantFrom(0, 8080),
  waypoint: fc.constantFrom('none', 'by service', 'by address', 'unknown'),
  endpoints: fc.array(endpoint, { maxLength: 5 }),
  waypoints: fc.array(endpoint, { maxLength: 3 }),
  gateway: fc.constantFrom('up', 'down', 'absent', 'without account'),
  draw: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
});
type Mesh = typeof mesh extends fc.Arbitrary<infer T> ? T : never;

function record(of: Service, { place, ...facts }: Endpoint, i: number): Workload {
  const name = `${of.name}-${i}`;
  const gateway = atAddress('10.9.0.2', FAR);
  switch (place) {
    case 'here':
      return pod(name, of.name === 'api' ? `10.1.1.${i + 1}` : `10.1.2.${i + 1}`, { ...memberOf(of), ...facts });
    case 'hostname':
      return pod(name, '', { hostname: `${name}.example.com`, ...memberOf(of), ...facts });
    case 'far':
      return standIn(of, gateway, { uid: `far/${name}`, ...facts });
    case 'far without gateway':
      return pod(name, '', { network: FAR, ...memberOf(of), ...facts });
    case 'far pod':
      return pod(name, `10.1.1.${i + 1}`, { network: FAR, networkGateway: gateway, ...memberOf(of), ...facts });
  }
}

const WAYPOINT_REFERENCE = {
  'by service': (waypoints: Service) => ({ waypoint: atService(waypoints) }),
  'by address': () => ({ waypoint: atAddress('10.1.2.1') }),
  unknown: () => ({ waypoint: atAddress('10.96.0.66') }),
  none: () => ({}),
} as const;

function build({ endpoints, waypoints: waypointRecords, gateway, identities, targetPort, ...rest }: Mesh) {
  const waypoints = service('waypoint', '10.96.0.99', { ports: [port(15008, 15008)] });
  const api = service('api', '10.96.0.10', {
    subjectAltNames: identities,
    ports: [port(80, targetPort)],
    ...(rest.loadBalancing && { loadBalancing: rest.loadBalancing }),
    ...WAYPOINT_REFERENCE[rest.waypoint](waypoints),
  });
  const records = endpoints.map((it, i) => record(api, it, i));
  const proxies = waypointRecords.map((it, i) => record(waypoints, it, i));
  const account = gateway === 'without account' ? { serviceAccount: '' } : {};
  const gateways = gateway === 'absent' ? [] : [farGateway('10.9.0.2', { healthy: gateway !== 'down', ...account })];
  return {
    api,
    proxies,
    snapshot: snapshotOf({ services: [api, waypoints], workloads: [client, ...records, ...proxies, ...gateways] }),
  };
}

function plansOf(made: Mesh): { readonly api: Service; readonly plans: readonly Plan[] } {
  const { api, proxies, snapshot } = build(made);
  const random = () => made.draw;
  const targets = [
    { kind: 'address', ip: '10.96.0.10', port: 80 },
    { kind: 'address', ip: '10.1.1.1', port: 80 },
    { kind: 'hostname', hostname: 'api', port: 80 },
  ] as const;
  const outbound = targets.map((target) =>
    planOutbound(snapshot, { source: client, network: 'net-1', target, random }),
  );
  const destination = { kind: 'service', service: api, servicePort: port(80, made.targetPort) } as const;
  const upstream = proxies.map((waypoint) =>
    planWaypointUpstream(snapshot, { waypoint, network: 'net-1', destination, arrival: 'local', random }),
  );
  return { api, plans: [...outbound, ...upstream] };
}

describe('any plan in any mesh', () => {
  it('expects somebody at every hop', () => {
    fc.assert(
      fc.property(mesh, (made) => {
        for (const plan of plansOf(made).plans) {
          const lists =
            plan.kind === 'tunnel'
              ? [plan.hop.expected]
              : plan.kind === 'nested'
                ? [plan.outer.expected, plan.innerExpected]
                : [];

          expect(lists).not.toContainEqual([]);
          expect(lists.flat().every((id) => /^spiffe:\/\/[^/]+\/ns\/[^/]+\/sa\/[^/]+$/.test(id))).toBe(true);
        }
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('never draws an endpoint of capacity 0, nor an unhealthy one where health counts', () => {
    let drawn = 0;
    fc.assert(
      fc.property(mesh, (made) => {
        const { api, plans } = plansOf(made);
        for (const plan of plans) {
          const byWeight = plan.candidates.some(({ reason }) => reason === 'drawn by capacity');
          if (plan.kind === 'refuse' || !plan.destination || !byWeight) continue;
          const anyHealth = plan.destination.services.has(api.key) && made.loadBalancing?.healthPolicy === 'allow-all';
          drawn++;

          expect(plan.destination.capacity).toBeGreaterThan(0);
          expect(plan.destination.healthy || anyHealth).toBe(true);
        }
      }),
      { seed: 3, numRuns: 1000 },
    );

    expect(drawn).toBeGreaterThan(100);
  });

  it('never goes around the waypoint of a service', () => {
    fc.assert(
      fc.property(mesh, (made) => {
        const { api, snapshot } = build(made);
        const target = { kind: 'hostname', hostname: 'api', port: 80 } as const;

        const plan = planOutbound(snapshot, { source: client, network: 'net-1', target, random: () => made.draw });

        if (!api.waypoint || plan.kind === 'refuse') return;
        expect(plan.kind === 'direct' || !plan.destination).toBe(false);
        expect(plan.kind === 'direct' ? undefined : plan.destination.services.has(api.key)).toBe(false);
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  it('marks exactly the destination as taken', () => {
    fc.assert(
      fc.property(mesh, (made) => {
        for (const plan of plansOf(made).plans) {
          const taken = plan.candidates.filter(({ verdict }) => verdict === 'taken').map(({ uid }) => uid);
          const destination = plan.kind === 'refuse' ? undefined : plan.destination;

          expect(taken).toEqual(destination ? [destination.uid] : []);
        }
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it('a gateway sends only to pods and waypoints of its own network, on an HBONE port', () => {
    fc.assert(
      fc.property(mesh, (made) => {
        const { snapshot } = build(made);
        const authority = 'api.shop.svc.cluster.local:80';

        const plan = planGateway(snapshot, {
          network: 'net-1',
          authority,
          sourceIdentity: spiffe('shop', 'client'),
          sourceRole: 'waypoint',
          random: () => made.draw,
        });

        if (plan.kind === 'refuse') return;
        expect(plan.destination?.network).toBe('net-1');
        expect(plan.address.port).toBe(15008);
      }),
      { seed: 6, numRuns: 500 },
    );
  });
});

it('no authority of any bytes leads inbound anywhere but to the local workload', () => {
  const api = service('api', '10.96.0.10');
  const local = pod('api-1', '10.1.0.2', memberOf(api));
  const snapshot = snapshotOf({ services: [api], workloads: [local, client] });
  const authority = fc.oneof(
    anyText(300),
    fc.stringMatching(
      /^(10\.1\.0\.[12]|\[::ffff:10\.1\.0\.2\]|api\.shop\.svc\.cluster\.local|10\.96\.0\.10):[0-9]{1,6}$/,
    ),
  );
  fc.assert(
    fc.property(authority, (text) => {
      const plan = planInbound(snapshot, {
        local,
        localAddress: '10.1.0.2',
        network: 'net-1',
        authority: text,
        peerIdentity: 'x',
      });

      if (plan.kind === 'direct') expect(plan.address.host).toBe('10.1.0.2');
      else expect(plan.reason).not.toBe('');
    }),
    { seed: 7, numRuns: 1000 },
  );
});
