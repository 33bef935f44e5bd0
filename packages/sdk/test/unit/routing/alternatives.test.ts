/** hbone.md 3.7: what a plan through a gateway falls back on. */
import { describe, expect, it } from 'vitest';
import { planOutbound, planWaypointUpstream } from '../../../src/routing/index.js';
import type { Plan } from '../../../src/routing/plan.js';
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
const GATEWAYS = ['10.9.0.1', '10.9.0.2', '10.9.0.3'];
const gateways = GATEWAYS.map((ip) => farGateway(ip));
const behind = (ip: string, more = {}) =>
  standIn(reviews, atAddress(ip, FAR), { uid: `${FAR}/SplitHorizonWorkload/${ip}/${reviews.key}`, ...more });

function plan(world: World, random = first): Plan {
  const target = { kind: 'address', ip: '10.96.0.10', port: 80 } as const;
  return planOutbound(snapshotOf(world), { source: storefront, network: 'net-1', target, random });
}

/** The next hop of the plan and of each alternative. */
function hops(of: Plan): readonly string[] {
  const plans = of.kind === 'nested' ? [of, ...of.alternatives] : [of];
  return plans.map((each) => line(each).split(' ').slice(0, 2).join(' '));
}

describe('the alternatives of a plan through a gateway', () => {
  const records = GATEWAYS.map((ip) => behind(ip));

  it('are all other gateways that lead to the service, where each has a record', () => {
    const workloads = [storefront, ...gateways, ...records];

    expect(hops(plan({ workloads, services: [reviews] }))).toEqual(GATEWAYS.map((ip) => `nested ${ip}:15008`));
  });

  it('are all gateways behind one reference by hostname', () => {
    const eastwest = service('eastwest', '', { namespace: 'istio-system', ports: [port(15008, 25008)] });
    const pods = GATEWAYS.map((ip) => farGateway(ip, memberOf(eastwest)));
    const workloads = [storefront, ...pods, standIn(reviews, atService(eastwest))];

    expect(hops(plan({ workloads, services: [reviews, eastwest] }))).toEqual(
      GATEWAYS.map((ip) => `nested ${ip}:25008`),
    );
  });

  describe('under istiod, whose records all name the first gateway of a network', () => {
    const one = behind('10.9.0.1');

    it('are the others, which it tells of by records of their own', () => {
      const decided = plan({ workloads: [storefront, ...gateways, one], services: [reviews] });

      expect(hops(decided)).toEqual(GATEWAYS.map((ip) => `nested ${ip}:15008`));
      expect(decided).toMatchObject({ kind: 'nested', alternatives: [{ destination: { uid: one.uid } }, {}] });
    });

    it('are those that can be used, on the port they have', () => {
      const workloads = [
        storefront,
        farGateway('10.9.0.1'),
        farGateway('10.9.0.2', { healthy: false }),
        farGateway('10.9.0.3', { uid: `NetworkGateway/${FAR}/10.9.0.3/0` }),
        farGateway('10.9.0.4', { uid: `NetworkGateway/${FAR}/10.9.0.4/25008` }),
        farGateway('10.9.0.5', { uid: 'NetworkGateway/net-3/10.9.0.5/0', network: 'net-3' }),
        one,
      ];

      expect(hops(plan({ workloads, services: [reviews] }))).toEqual([
        'nested 10.9.0.1:15008',
        'nested 10.9.0.3:15008',
        'nested 10.9.0.4:25008',
      ]);
    });

    it('lead to a waypoint as well', () => {
      const waypoint = service('waypoint', '10.96.0.99', {
        ports: [port(15008, 15008)],
        subjectAltNames: [spiffe('shop', 'waypoint')],
      });
      const bound = { ...reviews, waypoint: atService(waypoint) };
      const workloads = [storefront, ...gateways, one, standIn(waypoint, atAddress('10.9.0.1', FAR))];

      expect(hops(plan({ workloads, services: [bound, waypoint] }))).toEqual(
        GATEWAYS.map((ip) => `nested ${ip}:15008`),
      );
    });
  });

  it('name each gateway once, however many records lead through it', () => {
    const twice = [...records, behind('10.9.0.1', { uid: 'far/again' })];

    expect(hops(plan({ workloads: [storefront, ...gateways, ...twice], services: [reviews] }))).toHaveLength(3);
  });

  it('leave out gateways that cannot be used', () => {
    const workloads = [storefront, gateways[0] ?? storefront, farGateway('10.9.0.2', { healthy: false }), ...records];

    expect(hops(plan({ workloads, services: [reviews] }))).toEqual(['nested 10.9.0.1:15008']);
  });

  it('end with the first that needs no gateway', () => {
    const near = pod('reviews-1', '10.1.0.2', memberOf(reviews));
    const other = pod('reviews-2', '10.1.0.3', memberOf(reviews));
    const workloads = [storefront, ...gateways, ...records, near, other];

    expect(hops(plan({ workloads, services: [reviews] }))).toEqual([
      ...GATEWAYS.map((ip) => `nested ${ip}:15008`),
      'endpoint 10.1.0.2:15008',
    ]);
  });

  it('are drawn by capacity: of the others the larger comes first more often', () => {
    const weighted = [behind('10.9.0.1'), behind('10.9.0.2', { capacity: 9 }), behind('10.9.0.3', { capacity: 1 })];
    const draws = [0, 0.85];

    const decided = plan({ workloads: [storefront, ...gateways, ...weighted], services: [reviews] }, () => {
      return draws.shift() ?? 0;
    });

    // The first draw takes the first of eleven shares; 0.85 of the ten left is still in the nine of the second.
    expect(hops(decided)[1]).toBe('nested 10.9.0.2:15008');
  });

  it('keep the ranks of failover: further away only behind what is near', () => {
    const preference = { mode: 'failover', routingPreference: ['region'], healthPolicy: 'only-healthy' } as const;
    const near = { ...reviews, loadBalancing: preference };
    const away = { locality: { region: 'far', zone: '', subzone: '' } };
    const ranked = [behind('10.9.0.1', away), behind('10.9.0.2'), behind('10.9.0.3')];

    expect(hops(plan({ workloads: [storefront, ...gateways, ...ranked], services: [near] }, last))).toEqual([
      'nested 10.9.0.3:15008',
      'nested 10.9.0.2:15008',
      'nested 10.9.0.1:15008',
    ]);
  });

  it('never leave the scopes that strict demands', () => {
    const preference = { mode: 'strict', routingPreference: ['region'], healthPolicy: 'only-healthy' } as const;
    const away = { locality: { region: 'far', zone: '', subzone: '' } };
    const workloads = [storefront, ...gateways, behind('10.9.0.1'), behind('10.9.0.2', away)];

    expect(hops(plan({ workloads, services: [{ ...reviews, loadBalancing: preference }] }))).toEqual([
      'nested 10.9.0.1:15008',
    ]);
  });

  it('lead over all gateways of a waypoint on another network, and to one that is here', () => {
    const waypoint = service('waypoint', '10.96.0.99', {
      ports: [port(15008, 15008)],
      subjectAltNames: [spiffe('shop', 'waypoint')],
    });
    const bound = { ...reviews, waypoint: atService(waypoint) };
    const far = GATEWAYS.map((ip) => standIn(waypoint, atAddress(ip, FAR), { uid: `far/waypoint/${ip}` }));
    const here = pod('waypoint-1', '10.1.0.50', memberOf(waypoint));
    const workloads = [storefront, ...gateways, ...records, ...far, here];

    expect(hops(plan({ workloads, services: [bound, waypoint] }))).toEqual([
      ...GATEWAYS.map((ip) => `nested ${ip}:15008`),
      'waypoint 10.1.0.50:15008',
    ]);
  });

  it('are there for a waypoint too, and none for what came from another network', () => {
    const waypoint = pod('waypoint', '10.1.0.50');
    const bound = { ...reviews, waypoint: atAddress('10.1.0.50') };
    const snapshot = snapshotOf({ workloads: [waypoint, ...gateways, ...records], services: [bound] });
    const destination = { kind: 'service', service: bound, servicePort: port(80, 8080) } as const;
    const request = { waypoint, network: 'net-1', destination, random: first };

    const local = planWaypointUpstream(snapshot, { ...request, arrival: 'local' });
    const remote = planWaypointUpstream(snapshot, { ...request, arrival: 'remote-network' });

    expect(hops(local)).toHaveLength(3);
    expect(remote.kind).toBe('refuse');
  });

  it('are 7 at most', () => {
    const many = Array.from({ length: 12 }, (_, i) => `10.9.1.${i + 1}`);
    const workloads = [storefront, ...many.map((ip) => farGateway(ip)), ...many.map((ip) => behind(ip))];

    expect(hops(plan({ workloads, services: [reviews] }))).toHaveLength(8);
  });
});
