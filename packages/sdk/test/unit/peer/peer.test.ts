import { describe, expect, it } from 'vitest';
import { mergePeer, metadataOf, PEER_KEYS, PEER_ROWS } from '../../../src/peer/index.js';
import { atAddress, FAR, pod, service, spiffe, standIn } from '../../support/routing-world.js';

const reviews = pod('reviews-v1-abc', '10.1.0.2', {
  workloadName: 'reviews-v1',
  canonicalName: 'reviews',
  canonicalRevision: 'v1',
  locality: { region: 'eu', zone: 'eu-a', subzone: '' },
});

describe('the table of keys', () => {
  it("begins with ztunnel's keys in ztunnel's order", () => {
    const withoutOtherTypes = PEER_KEYS.filter((key) => !/^k8s\.(cronjob|pod|job)\.name$/.test(key));

    expect(withoutOtherTypes.slice(0, 7)).toEqual([
      'k8s.cluster.name',
      'k8s.namespace.name',
      'k8s.deployment.name',
      'service.name',
      'service.version',
      'cloud.region',
      'cloud.availability_zone',
    ]);
  });

  it('fits the 64 keys a codec can register, each once', () => {
    expect(new Set(PEER_KEYS).size).toBe(PEER_ROWS.length);
    expect(PEER_ROWS.length).toBeLessThanOrEqual(64);
  });
});

describe('metadataOf', () => {
  it('tells what the registry knows, app and version being the canonical ones', () => {
    expect(metadataOf(reviews)).toEqual({
      cluster: 'cluster-1',
      namespace: 'shop',
      workload: 'reviews-v1',
      workloadType: 'deployment',
      canonicalName: 'reviews',
      canonicalRevision: 'v1',
      app: 'reviews',
      version: 'v1',
      instance: 'reviews-v1-abc',
      region: 'eu',
      zone: 'eu-a',
    });
  });

  it('leaves out what is empty, and a type that names nothing', () => {
    const record = standIn(service('reviews', '10.96.0.10'), atAddress('10.9.0.2', FAR));

    expect(metadataOf(record)).toEqual({ cluster: 'cluster-2', namespace: 'shop' });
  });
});

describe('mergePeer', () => {
  const baggage = {
    namespace: 'other',
    workload: 'claimed',
    workloadType: 'job',
    instance: 'claimed-1',
    zone: 'claimed-zone',
  } as const;

  it('takes each field from the best source that knows it', () => {
    const registry = { ...reviews, locality: { region: 'eu', zone: '', subzone: '' } };
    const peer = mergePeer({ certificate: spiffe('proven', 'reviews'), registry, baggage });

    expect(peer).toMatchObject({
      principal: spiffe('proven', 'reviews'),
      namespace: 'proven',
      workload: 'reviews-v1',
      workloadType: 'deployment',
      instance: 'reviews-v1-abc',
      region: 'eu',
      zone: 'claimed-zone',
    });
  });

  it('lets the certificate win over a claimed namespace and keeps the other claims', () => {
    const peer = mergePeer({
      certificate: spiffe('y', 'a'),
      baggage: { namespace: 'x', workload: 'w', workloadType: 'pod' },
    });

    expect(peer).toEqual({ principal: spiffe('y', 'a'), namespace: 'y', workload: 'w', workloadType: 'pod' });
  });

  it('erases nothing when the better source is silent', () => {
    expect(mergePeer({ certificate: spiffe('shop', 'reviews'), baggage: { cluster: 'west' } })).toEqual({
      principal: spiffe('shop', 'reviews'),
      namespace: 'shop',
      cluster: 'west',
    });
  });

  it('derives no principal without a certificate', () => {
    expect(mergePeer({ registry: reviews, baggage })).not.toHaveProperty('principal');
  });

  it('knows nothing when nobody speaks', () => {
    expect(mergePeer({})).toEqual({});
  });
});
