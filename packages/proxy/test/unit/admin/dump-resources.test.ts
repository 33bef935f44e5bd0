/** The words of ztunnel's dumps where they are not those of the model; the rest is shown by the admin pages' own test. */
import { describe, expect, it } from 'vitest';
import { dumpService, dumpWorkload } from '../../../src/admin/dump-resources.js';
import { service, storeOf, workload } from '../../support/model.js';

const waypoint = (hostname: string) => ({
  destination: { kind: 'hostname', name: { namespace: 'shop', hostname } } as const,
  hboneMtlsPort: 15008,
});

describe('a dumped resource', () => {
  it.each([
    ['ipv4', 'IPv4'],
    ['ipv6', 'IPv6'],
    ['dual', 'Dual'],
  ] as const)('names the IP families %s as ztunnel does', (ipFamilies, word) => {
    const { snapshot } = storeOf({});

    expect(dumpService(service({ name: 'reviews', ipFamilies }), snapshot)).toMatchObject({ ipFamilies: word });
  });

  it('leaves out IP families that nobody chose', () => {
    const { snapshot } = storeOf({});

    expect(dumpService(service({ name: 'reviews', ipFamilies: 'automatic' }), snapshot)).not.toHaveProperty(
      'ipFamilies',
    );
  });

  it('names each of weighted waypoints by one text', () => {
    const { snapshot } = storeOf({});
    const weightedWaypoints = [
      { destination: waypoint('old'), weight: 80 },
      { destination: waypoint('new'), weight: 20 },
    ];

    expect(dumpService(service({ name: 'reviews', weightedWaypoints }), snapshot).weightedWaypoints).toEqual([
      { destination: { destination: 'shop/old', hboneMtlsPort: 15008 }, weight: 80 },
      { destination: { destination: 'shop/new', hboneMtlsPort: 15008 }, weight: 20 },
    ]);
  });

  it('names the protocol of an application tunnel in capitals', () => {
    const dumped = dumpWorkload(workload({ name: 'reviews-1', applicationTunnel: { protocol: 'proxy', port: 15088 } }));

    expect(dumped.applicationTunnel).toEqual({ protocol: 'PROXY', port: 15088 });
  });
});
