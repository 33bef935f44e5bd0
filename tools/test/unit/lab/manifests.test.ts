import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { slice } from '../../../lab/address-plan.js';
import { type Manifest, manifestsOf, toYaml } from '../../../lab/manifests.js';
import { buildWorld, clustersOf } from '../../../lab/topology.js';

const world = buildWorld(slice(90));
const all = (cluster: 'east' | 'west') => Object.values(manifestsOf(world.clusters[cluster])).flat();
const named = (cluster: 'east' | 'west', kind: string, name: string) =>
  all(cluster).find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
const labelsOf = (manifest: Manifest | undefined) => manifest?.metadata.labels as Record<string, string> | undefined;

describe('the manifests of a lab', () => {
  it('give each cluster its network', () => {
    const networks = clustersOf(world).map(({ id }) => labelsOf(named(id, 'Namespace', 'istio-system')));

    expect(networks).toEqual([
      { 'topology.istio.io/network': 'network-1' },
      { 'topology.istio.io/network': 'network-2' },
    ]);
  });

  it('export what is global and nothing else', () => {
    expect(labelsOf(named('west', 'Service', 'ledger'))).toMatchObject({ 'istio.io/global': 'true' });
    expect(labelsOf(named('west', 'Service', 'audit'))).not.toHaveProperty('istio.io/global');
  });

  it('define ratings and its waypoint in west only', () => {
    expect(named('east', 'Service', 'ratings')).toBeUndefined();
    expect(named('east', 'Gateway', 'ratings-waypoint')).toBeUndefined();
    expect(labelsOf(named('west', 'Service', 'ratings'))).toMatchObject({
      'istio.io/use-waypoint': 'ratings-waypoint',
    });
  });

  it('give every pod and every service of both clusters an address of its own', () => {
    const addresses = (['east', 'west'] as const).flatMap(all).flatMap(({ kind, spec, status }) => {
      if (kind === 'Pod') return [status?.podIP];
      return kind === 'Service' ? [spec?.clusterIP] : [];
    });

    expect(new Set(addresses).size).toBe(addresses.length);
  });

  it.each([
    ['ratings', 'ratings-waypoint', '9082'],
    ['ledger', 'storefront', '9401'],
  ])('allow to %s only %s: the waypoint where there is one, else the callers', (app, caller, port) => {
    const policy = named('west', 'AuthorizationPolicy', `${app}-callers`);

    expect(policy?.spec).toEqual({
      selector: { matchLabels: { app } },
      action: 'ALLOW',
      rules: [
        {
          from: [{ source: { principals: [`cluster.local/ns/shop/sa/${caller}`] } }],
          to: [{ operation: { ports: [port] } }],
        },
      ],
    });
  });

  it('survive YAML', () => {
    const manifests = all('west');

    const documents = parseAllDocuments(toYaml(manifests)).map((document) => document.toJS() as unknown);

    expect(documents).toEqual(manifests);
  });
});
