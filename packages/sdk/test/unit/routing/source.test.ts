import { describe, expect, it } from 'vitest';
import type { PeerMetadata } from '../../../src/peer/index.js';
import { type SourceFacts, sourcePeerOf } from '../../../src/routing/index.js';
import { pod, snapshotOf, spiffe } from '../../support/routing-world.js';

const storefront = pod('storefront-1', '10.1.0.1', { workloadName: 'storefront', canonicalName: 'storefront' });
const claimed: PeerMetadata = { cluster: 'west', namespace: 'shop', workload: 'client', workloadType: 'deployment' };

function source(facts: Partial<SourceFacts>) {
  return sourcePeerOf(snapshotOf({ workloads: [storefront] }), {
    network: 'net-1',
    remoteIp: '10.1.0.1',
    certificateIdentity: spiffe('shop', 'storefront'),
    ...facts,
  });
}

describe('sourcePeerOf', () => {
  it('knows a peer of the own network from the registry, whatever it claims', () => {
    expect(source({ baggage: claimed })).toMatchObject({
      principal: spiffe('shop', 'storefront'),
      cluster: 'cluster-1',
      workload: 'storefront',
      instance: 'storefront-1',
    });
  });

  it('understands the IPv4-mapped address of a dual-stack socket', () => {
    expect(source({ remoteIp: '::ffff:10.1.0.1' }).workload).toBe('storefront');
  });

  // hbone §10.server.7
  it('never takes the local workload on an address that another network uses too (X9)', () => {
    expect(source({ forwardedNetwork: 'net-2', baggage: claimed })).toEqual({
      principal: spiffe('shop', 'storefront'),
      ...claimed,
    });
  });

  it('does not believe a record of another identity than the one proven', () => {
    expect(source({ certificateIdentity: spiffe('shop', 'other') })).toEqual({
      principal: spiffe('shop', 'other'),
      namespace: 'shop',
    });
  });

  it('takes the namespace of the certificate and the rest of the claim when they disagree (X10)', () => {
    expect(
      source({ remoteIp: '10.9.0.2', certificateIdentity: spiffe('y', 'sa'), baggage: { ...claimed, namespace: 'x' } }),
    ).toEqual({
      principal: spiffe('y', 'sa'),
      ...claimed,
      namespace: 'y',
    });
  });

  it('knows the identity alone when baggage exchange is off and the registry is silent', () => {
    expect(source({ forwardedNetwork: 'net-2' })).toEqual({
      principal: spiffe('shop', 'storefront'),
      namespace: 'shop',
    });
  });
});
