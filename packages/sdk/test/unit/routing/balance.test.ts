import { describe, expect, it } from 'vitest';
import type { LoadBalancing, Service, Workload } from '../../../src/discovery/model.js';
import { planOutbound } from '../../../src/routing/index.js';
import {
  atAddress,
  FAR,
  farGateway,
  first,
  memberOf,
  pod,
  port,
  service,
  snapshotOf,
  spiffe,
  standIn,
} from '../../support/routing-world.js';

type Place = Partial<Workload['locality']> & Pick<Partial<Workload>, 'node' | 'clusterId'>;

const near = { region: 'eu', zone: 'eu-a', subzone: 'rack-1' };
const client = at('client', '10.1.0.1', near);

function at(
  name: string,
  ip: string,
  { node = 'node-1', clusterId = 'cluster-1', ...locality }: Place,
  of?: Service,
): Workload {
  return pod(name, ip, {
    node,
    clusterId,
    locality: { region: '', zone: '', subzone: '', ...locality },
    ...(of && memberOf(of)),
  });
}

function balanced(mode: LoadBalancing['mode'], ...routingPreference: LoadBalancing['routingPreference']): Service {
  return service('api', '10.96.0.10', { loadBalancing: { mode, routingPreference, healthPolicy: 'only-healthy' } });
}

/** Names of the endpoints that may be drawn. */
function drawable(of: Service, endpoints: readonly Workload[], others: readonly Workload[] = []): string[] {
  const snapshot = snapshotOf({ services: [of], workloads: [client, ...endpoints, ...others] });
  const target = { kind: 'address', ip: '10.96.0.10', port: 80 } as const;
  const { candidates } = planOutbound(snapshot, { source: client, network: 'net-1', target, random: first });
  const names = new Map(endpoints.map(({ uid, name }) => [uid, name]));
  return candidates.filter(({ verdict }) => verdict !== 'passed-over').map(({ uid }) => names.get(uid) ?? uid);
}

describe('routing preference', () => {
  const places: readonly (readonly [string, Place])[] = [
    ['rack', near],
    ['zone', { region: 'eu', zone: 'eu-a', subzone: 'rack-2' }],
    ['region', { region: 'eu', zone: 'eu-b' }],
    ['far', { region: 'us', zone: 'us-a' }],
    ['oddity', { region: 'us', zone: 'eu-a', subzone: 'rack-1' }],
  ];
  const endpointsOf = (of: Service, names: readonly string[]) =>
    places.filter(([name]) => names.includes(name)).map(([name, place], i) => at(name, `10.1.1.${i + 1}`, place, of));

  it.each<[string, LoadBalancing['mode'], LoadBalancing['routingPreference'], string[], string[]]>([
    ['standard takes all, whatever is preferred', 'standard', ['region'], ['rack', 'far'], ['rack', 'far']],
    [
      'failover takes the nearest',
      'failover',
      ['region', 'zone', 'subzone'],
      ['rack', 'zone', 'region', 'far'],
      ['rack'],
    ],
    [
      'failover takes the next best when the nearest is gone',
      'failover',
      ['region', 'zone', 'subzone'],
      ['region', 'zone', 'far'],
      ['zone'],
    ],
    ['failover takes everything when nothing is near', 'failover', ['region'], ['far', 'oddity'], ['far', 'oddity']],
    ['a scope counts only behind the ones before it', 'failover', ['region', 'zone'], ['oddity', 'region'], ['region']],
    [
      'strict takes only what matches all',
      'strict',
      ['region', 'zone'],
      ['rack', 'zone', 'region', 'far'],
      ['rack', 'zone'],
    ],
    ['strict refuses when nothing matches all', 'strict', ['region', 'zone'], ['region', 'far'], []],
    ['strict without scopes takes all', 'strict', [], ['rack', 'far'], ['rack', 'far']],
  ])('%s', (_, mode, scopes, present, expected) => {
    const of = balanced(mode, ...scopes);

    expect(drawable(of, endpointsOf(of, present))).toEqual(expected);
  });

  it('node and cluster are scopes too', () => {
    const byNode = balanced('strict', 'node');
    const byCluster = balanced('strict', 'cluster');
    const endpoints = (of: Service) => [
      at('same', '10.1.1.1', {}, of),
      at('other', '10.1.1.2', { node: 'n', clusterId: 'c' }, of),
    ];

    expect(drawable(byNode, endpoints(byNode))).toEqual(['same']);
    expect(drawable(byCluster, endpoints(byCluster))).toEqual(['same']);
  });
});

// hbone §10.fact.8
describe('a preference that starts with the network', () => {
  const of = {
    ...balanced('failover', 'network', 'region', 'zone'),
    subjectAltNames: [spiffe('shop', 'api')],
  };
  const away = (name: string, region: string, zone: string) =>
    standIn(of, atAddress('10.9.0.2', FAR), { uid: `far/${name}`, name, locality: { region, zone, subzone: '' } });
  const here = (name: string, ip: string, place: Place) => at(name, ip, place, of);

  // Best first; each row must beat all below it (ztunnel ranks 5, 4, 3, 2, 1, 0).
  const order = [
    here('network, region and zone', '10.1.1.1', { region: 'eu', zone: 'eu-a' }),
    here('network and region', '10.1.1.2', { region: 'eu', zone: 'eu-b' }),
    here('network alone', '10.1.1.3', { region: 'us', zone: 'eu-a' }),
    away('region and zone elsewhere', 'eu', 'eu-a'),
    away('region elsewhere', 'eu', 'eu-b'),
    away('nothing', 'us', 'us-a'),
  ];

  it.each(order.map(({ name }, i) => [name, i] as const))('%s beats everything further away', (name, i) => {
    expect(drawable(of, order.slice(i), [farGateway()])).toEqual([name]);
  });

  it('strict means the own network as well', () => {
    const strict = {
      ...of,
      loadBalancing: {
        mode: 'strict',
        routingPreference: ['network', 'region'],
        healthPolicy: 'only-healthy',
      } as const,
    };

    expect(drawable(strict, order, [farGateway()])).toEqual(['network, region and zone', 'network and region']);
  });
});

describe('what may be drawn at all', () => {
  it.each<[string, Partial<Service>, Partial<Workload>, string]>([
    ['an unhealthy endpoint is passed over', {}, { healthy: false }, 'not healthy'],
    ['capacity 0 is passed over', {}, { capacity: 0 }, 'capacity 0'],
    [
      'an endpoint that does not map a port with target 0 is passed over',
      { ports: [port(80, 0)] },
      {},
      'does not map the port',
    ],
    [
      'an endpoint with neither address nor hostname is passed over',
      {},
      { addresses: [], tunnelProtocol: 'none' },
      'has neither a hostname nor an IP address that the service allows',
    ],
    [
      'HBONE without an IP address is passed over',
      {},
      { addresses: [], hostname: 'x.example.com' },
      'speaks HBONE but has no IP address that the service allows',
    ],
    [
      'a family the service does not allow is passed over',
      { ipFamilies: 'ipv6' },
      {},
      'speaks HBONE but has no IP address that the service allows',
    ],
    [
      'an endpoint that nobody could prove to be is passed over',
      {},
      { serviceAccount: '' },
      'has no valid identity to expect',
    ],
  ])('%s', (_, ofService, ofEndpoint, reason) => {
    const of = service('api', '10.96.0.10', ofService);
    const endpoint = pod('api-1', '10.1.1.1', { ...memberOf(of), ...ofEndpoint });
    const snapshot = snapshotOf({ services: [of], workloads: [endpoint] });

    const target = { kind: 'address', ip: '10.96.0.10', port: 80 } as const;
    const plan = planOutbound(snapshot, { source: client, network: 'net-1', target, random: first });

    expect(plan).toMatchObject({ kind: 'refuse', candidates: [{ uid: endpoint.uid, verdict: 'passed-over', reason }] });
  });

  it('allow-all takes unhealthy endpoints', () => {
    const of = service('api', '10.96.0.10', {
      loadBalancing: { mode: 'standard', routingPreference: [], healthPolicy: 'allow-all' },
    });

    expect(drawable(of, [pod('sick', '10.1.1.1', { healthy: false, ...memberOf(of) })])).toEqual(['sick']);
  });

  it("an endpoint's own mapping wins over the service's target port", () => {
    const of = service('api', '10.96.0.10');
    const endpoint = pod('api-1', '10.1.1.1', { services: new Map([[of.key, [port(80, 9090)]]]) });
    const snapshot = snapshotOf({ services: [of], workloads: [endpoint] });

    const target = { kind: 'address', ip: '10.96.0.10', port: 80 } as const;
    const plan = planOutbound(snapshot, { source: client, network: 'net-1', target, random: first });

    expect(plan).toMatchObject({ kind: 'tunnel', authority: '10.1.1.1:9090' });
  });

  it('one port of several unmapped leaves the others usable', () => {
    const of = service('api', '10.96.0.10', { ports: [port(80, 0), port(81, 0)] });
    const mapped = pod('mapped', '10.1.1.1', { services: new Map([[of.key, [port(80, 8080)]]]) });
    const unmapped = pod('unmapped', '10.1.1.2', { services: new Map([[of.key, [port(81, 8081)]]]) });

    expect(drawable(of, [mapped, unmapped])).toEqual(['mapped']);
  });

  it('a far record that lists ports serves only those', () => {
    const of = service('api', '10.96.0.10', {
      subjectAltNames: [spiffe('shop', 'api')],
      ports: [port(80, 8080), port(81, 8081)],
    });
    const gateway = atAddress('10.9.0.2', FAR);
    const listing = (...ports: number[]) =>
      standIn(of, gateway, {
        name: ports.join(),
        uid: `far/${ports}`,
        services: new Map([[of.key, ports.map((p) => port(p, 1))]]),
      });

    expect(drawable(of, [listing(80), listing(81), listing()], [farGateway()])).toEqual(['80', '']);
  });
});
