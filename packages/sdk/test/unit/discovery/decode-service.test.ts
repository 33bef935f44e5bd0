import { describe, expect, it } from 'vitest';
import { decodeService, formatProblems } from '../../../src/discovery/index.js';
import { workloadPb } from '../../../src/wire/index.js';
import { type ServiceInit, serviceMessage } from '../../support/xds-resources.js';

const { LoadBalancing_Scope: Scope, LoadBalancing_Mode: Mode } = workloadPb;

const decoded = (init: ServiceInit) => {
  const result = decodeService(serviceMessage(init));
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return result.value;
};

const problems = (init: ServiceInit) => {
  const result = decodeService(serviceMessage(init));
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
};

const waypointAt = (hostname: string) => ({
  destination: { case: 'hostname' as const, value: { namespace: 'shop', hostname } },
  hboneMtlsPort: 15008,
});

describe('a service', () => {
  it('is keyed by namespace and hostname, and plain where nothing is said', () => {
    const service = decoded({ namespace: 'shop', hostname: 'reviews.shop' });

    expect(service).toMatchObject({
      key: 'shop/reviews.shop',
      ipFamilies: 'automatic',
      visibility: 'public',
      canonical: false,
      ingressUseWaypoint: false,
    });
    expect(service).not.toHaveProperty('waypoint');
    expect(service).not.toHaveProperty('weightedWaypoints');
    expect(service).not.toHaveProperty('loadBalancing');
  });

  it('tells blocks of addresses from single ones', () => {
    const address = Uint8Array.of(10, 0, 0, 0);

    const { addresses } = decoded({
      addresses: [
        { network: 'n', address },
        { network: 'n', address, length: 8 },
        { network: 'n', address, length: 32 },
        { network: 'n', address, length: 0 },
      ],
    });

    expect(addresses).toEqual([
      { network: 'n', ip: '10.0.0.0' },
      { network: 'n', ip: '10.0.0.0', length: 8 },
      { network: 'n', ip: '10.0.0.0' },
      { network: 'n', ip: '10.0.0.0', length: 0 },
    ]);
  });

  it('reads how to balance', () => {
    const { loadBalancing } = decoded({
      loadBalancing: {
        routingPreference: [Scope.NETWORK, Scope.REGION, Scope.ZONE],
        mode: Mode.FAILOVER,
        healthPolicy: workloadPb.LoadBalancing_HealthPolicy.ALLOW_ALL,
      },
    });

    expect(loadBalancing).toEqual({
      routingPreference: ['network', 'region', 'zone'],
      mode: 'failover',
      healthPolicy: 'allow-all',
    });
  });

  it('takes a visibility it does not know for public, as ztunnel does', () => {
    expect(decoded({ visibility: 9 as workloadPb.Service_Visibility }).visibility).toBe('public');
  });

  it('keeps weighted waypoints beside the plain one', () => {
    const { waypoint, weightedWaypoints } = decoded({
      waypoint: waypointAt('plain'),
      weightedWaypoints: [{ destination: waypointAt('canary'), weight: 5 }],
    });

    expect(waypoint?.destination).toEqual({ kind: 'hostname', name: { namespace: 'shop', hostname: 'plain' } });
    expect(weightedWaypoints?.map(({ weight }) => weight)).toEqual([5]);
  });

  it('never looks as if it had no waypoint when it has weighted ones only', () => {
    const { waypoint } = decoded({
      weightedWaypoints: [
        { destination: waypointAt('small'), weight: 1 },
        { destination: waypointAt('large'), weight: 9 },
      ],
    });

    expect(waypoint?.destination).toEqual({ kind: 'hostname', name: { namespace: 'shop', hostname: 'large' } });
  });

  it.each<[string, ServiceInit, string]>([
    [
      'without hostname',
      { hostname: '' },
      'service.hostname: empty, a service is stored and removed as namespace/hostname',
    ],
    [
      'with an address of 6 bytes',
      { addresses: [{ address: new Uint8Array(6) }] },
      'service.addresses[0].address: 6 bytes, an IP address has 4 or 16',
    ],
    [
      'with an IPv4 prefix of 33',
      { addresses: [{ address: new Uint8Array(4), length: 33 }] },
      'service.addresses[0].length: 33, the prefix of an IPv4 address has at most 32 bits',
    ],
    [
      'with an IPv6 prefix of 129',
      { addresses: [{ address: new Uint8Array(16), length: 129 }] },
      'service.addresses[0].length: 129, the prefix of an IPv6 address has at most 128 bits',
    ],
    [
      'that prefers no scope in particular',
      { loadBalancing: { routingPreference: [Scope.ZONE, Scope.UNSPECIFIED_SCOPE] } },
      'service.loadBalancing.routingPreference[1]: UNSPECIFIED_SCOPE is not supported',
    ],
    [
      'that prefers an unknown scope',
      { loadBalancing: { routingPreference: [8 as workloadPb.LoadBalancing_Scope] } },
      'service.loadBalancing.routingPreference[0]: 8 is not a known Scope',
    ],
    [
      'of an unknown balancing mode',
      { loadBalancing: { mode: 8 as workloadPb.LoadBalancing_Mode } },
      'service.loadBalancing.mode: 8 is not a known Mode',
    ],
    [
      'of an unknown health policy',
      { loadBalancing: { healthPolicy: 8 as workloadPb.LoadBalancing_HealthPolicy } },
      'service.loadBalancing.healthPolicy: 8 is not a known HealthPolicy',
    ],
    [
      'of unknown IP families',
      { ipFamilies: 8 as workloadPb.IPFamilies },
      'service.ipFamilies: 8 is not a known IPFamilies',
    ],
    [
      'with a waypoint that leads nowhere',
      { waypoint: {} },
      'service.waypoint: neither address nor hostname is set, so it leads nowhere',
    ],
    [
      'with a weight on no waypoint',
      { weightedWaypoints: [{ weight: 1 }] },
      'service.weightedWaypoints[0].destination: absent',
    ],
  ])('%s is refused with the reason', (_what, init, problem) => {
    expect(problems(init)).toEqual([problem]);
  });
});
