import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../src/schema/index.js';
import { deriveOne } from '../support/derive.js';
import { GLOBAL, gateway, namespace, service, waypoint } from '../support/objects.js';

const KEY = 'shop/reviews.shop.svc.cluster.local';
const WAYPOINT_KEY = 'shop/waypoint.shop.svc.cluster.local';

function record(...objects: Parameters<typeof deriveOne>[0][number][]) {
  return deriveOne(objects).services.get(KEY);
}

describe('a Service as a record', () => {
  it('has its addresses, ports and names', () => {
    const found = record(
      service('reviews', { spec: { clusterIPs: ['10.0.0.1', 'FD00:0::1'], ipFamilies: ['IPv4', 'IPv6'] } }),
    );

    expect(found).toMatchObject({
      key: KEY,
      hostname: 'reviews.shop.svc.cluster.local',
      addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }],
      ports: [{ servicePort: 80, targetPort: 8080, appProtocol: 'http11' }],
      ipFamilies: 'dual',
      canonical: true,
      scope: 'local',
    });
  });

  it('is headless without address, global by its label, and nothing at all as an ExternalName', () => {
    expect(record(service('reviews', { spec: { clusterIP: 'None' } }))?.addresses).toEqual([]);
    expect(record(service('reviews', { labels: GLOBAL }))?.scope).toBe('global');
    expect(record(service('reviews', { labels: { 'istio.io/global': 'yes' } }))?.scope).toBe('local');
    expect(record(service('reviews', { spec: { type: 'ExternalName' } }))).toBeUndefined();
  });

  it.each([
    [{}, undefined],
    [
      { trafficDistribution: 'PreferClose' },
      { mode: 'failover', routingPreference: ['network', 'region', 'zone'], healthPolicy: 'only-healthy' },
    ],
    [
      { trafficDistribution: 'PreferSameNode' },
      {
        mode: 'failover',
        routingPreference: ['network', 'region', 'zone', 'subzone', 'node'],
        healthPolicy: 'only-healthy',
      },
    ],
    [
      { internalTrafficPolicy: 'Local', trafficDistribution: 'PreferClose' },
      { mode: 'strict', routingPreference: ['node'], healthPolicy: 'only-healthy' },
    ],
    [{ publishNotReadyAddresses: true }, { mode: 'standard', routingPreference: [], healthPolicy: 'allow-all' }],
  ])('%j is balanced as istiod does', (spec, loadBalancing) => {
    expect(record(service('reviews', { spec }))?.loadBalancing).toEqual(loadBalancing);
  });

  it('takes its traffic distribution from an annotation too', () => {
    const annotations = { 'networking.istio.io/traffic-distribution': 'PreferClose' };

    expect(record(service('reviews', { annotations }))?.loadBalancing?.mode).toBe('failover');
  });
});

describe('the waypoint in front of a service', () => {
  const use = (name: string, more: Record<string, string> = {}) => ({ 'istio.io/use-waypoint': name, ...more });
  const bound = (hostname: string, ns = 'shop') => ({
    destination: { kind: 'hostname', name: { namespace: ns, hostname } },
    hboneMtlsPort: 15008,
  });
  const standard = bound('waypoint.shop.svc.cluster.local');

  it.each([
    ['its own label', use('waypoint'), {}, standard],
    ['the label of its namespace', {}, use('waypoint'), standard],
    ['its own label before that of the namespace', use('waypoint'), use('other'), standard],
    ['none, when it opted out', use('none'), use('waypoint'), undefined],
    ['none without labels', {}, {}, undefined],
  ] as const)('is by %s', (_, labels, namespaceLabels, expected) => {
    const found = record(
      namespace('shop', namespaceLabels),
      service('reviews', { labels }),
      ...waypoint(),
      gateway('other', 'istio-waypoint'),
    );

    expect(found?.waypoint).toEqual(expected);
  });

  it('may stand in another namespace', () => {
    const labels = use('waypoint', { 'istio.io/use-waypoint-namespace': 'infra' });

    const found = record(service('reviews', { labels }), ...waypoint('waypoint', { namespace: 'infra' }));

    expect(found?.waypoint).toEqual(bound('waypoint.infra.svc.cluster.local', 'infra'));
  });

  it.each([
    ['service', true],
    ['all', true],
    ['workload', false],
    ['none', false],
  ])('for %s traffic', (traffic, isBound) => {
    const found = record(
      service('reviews', { labels: use('waypoint') }),
      ...waypoint('waypoint', { labels: { 'istio.io/waypoint-for': traffic } }),
    );

    expect(found?.waypoint !== undefined).toBe(isBound);
  });

  it('is sent although it does not exist, so that nobody goes around it, and that is told', () => {
    const cluster = deriveOne([service('reviews', { labels: use('waypoint') })]);

    expect(cluster.services.get(KEY)?.waypoint).toEqual(standard);
    expect(cluster.problems.map(formatProblem)).toEqual([
      expect.stringMatching(/^objects\.yaml:1:1 metadata\.labels: warning: waypoint shop\/waypoint does not exist/),
    ]);
  });

  it('has none of its own, prefers the near one, and is exported with the first service that needs it', () => {
    const local = deriveOne([namespace('shop', use('waypoint')), service('reviews'), ...waypoint()]).services.get(
      WAYPOINT_KEY,
    );
    const exported = deriveOne([
      namespace('shop', use('waypoint')),
      service('reviews', { labels: GLOBAL }),
      ...waypoint(),
    ]).services.get(WAYPOINT_KEY);

    expect(local).toMatchObject({
      isWaypoint: true,
      scope: 'local',
      loadBalancing: { mode: 'failover', routingPreference: ['network', 'cluster', 'region', 'zone'] },
    });
    expect(local?.waypoint).toBeUndefined();
    expect(exported?.scope).toBe('global');
  });
});

describe('the network of a cluster', () => {
  it('is the label of its istio-system namespace, and a configuration that differs is told', () => {
    const cluster = deriveOne([namespace('istio-system', { 'topology.istio.io/network': 'network-9' })]);

    expect(cluster.network).toBe('network-9');
    expect(cluster.problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('the configuration of cluster east says network-1'),
    ]);
  });
});
