import { describe, expect, it } from 'vitest';
import { project, type View } from '../../src/projection/index.js';
import { vipsOf } from '../../src/projection/vips.js';
import { type ClusterSketch, derive, modelOf, VIPS, viewOf } from '../support/derive.js';
import { AMBIENT, eastWestGateway, GLOBAL, type Manifest, namespace, pod, service } from '../support/objects.js';

const keyOf = (name: string) => `shop/${name}.shop.svc.cluster.local`;
const side = (id: string, network: string, ...objects: readonly Manifest[]): ClusterSketch => ({
  id,
  network,
  objects: [namespace('shop', AMBIENT), ...objects],
});
const exported = (name: string, spec = {}) => service(name, { labels: GLOBAL, spec });
const far = (...objects: readonly Manifest[]) =>
  side('west', 'network-2', eastWestGateway('network-2', '192.0.2.2'), ...objects);
const ownVips = (view: View, name: string) =>
  view.services
    .get(keyOf(name))
    ?.addresses.filter(({ network }) => network === 'network-1')
    .map(({ ip }) => ip);

describe('the address of a service that only another network has', () => {
  it('is one of the block, on the own network, besides those it has elsewhere', () => {
    const { addresses } = viewOf('ztunnel', side('east', 'network-1'), far(exported('reviews'))).services.get(
      keyOf('reviews'),
    )!;

    expect(addresses).toEqual([
      { network: 'network-1', ip: expect.stringMatching(/^240\.240\.\d+\.\d+$/) },
      { network: 'network-2', ip: '10.0.0.1' },
    ]);
  });

  it('is the same whatever else there is, in whatever order, in a fresh control plane and in one that knew before', () => {
    const east = derive(side('east', 'network-1'));
    const one = derive(far(exported('reviews')), false);
    const two = derive(far(exported('ratings'), exported('reviews')), false);
    const viewer = { cluster: 'east', role: 'ztunnel' } as const;

    const before = project(modelOf(east, one), viewer);
    const after = project(modelOf(east, two), viewer, before);

    expect(ownVips(after, 'reviews')).toEqual(ownVips(before, 'reviews'));
    expect(ownVips(project(modelOf(two, east), viewer), 'reviews')).toEqual(ownVips(before, 'reviews'));
    expect(new Set([...ownVips(after, 'reviews')!, ...ownVips(after, 'ratings')!]).size).toBe(2);
  });

  it.each([
    ['the own cluster has it', [exported('reviews')], []],
    ['the own cluster has it without an address', [exported('reviews', { clusterIP: 'None' })], []],
    ['its owner keeps it', [], [service('ratings')]],
  ])('is none when %s', (_, own, others) => {
    const view = viewOf('ztunnel', side('east', 'network-1', ...own), far(exported('reviews'), ...others));

    const given = [...view.services.values()]
      .flatMap(({ addresses }) => addresses)
      .filter(({ ip }) => ip.startsWith('240.'));
    expect(given.length).toBe(own.length === 0 ? 1 : 0);
    expect(view.services.has(keyOf('ratings'))).toBe(false);
  });

  it('is none when another cluster of the network has it, when it is headless, and for gateways', () => {
    const near = viewOf(
      'ztunnel',
      side('east', 'network-1'),
      side('south', 'network-1', exported('reviews')),
      far(exported('reviews')),
    );
    const headless = viewOf(
      'ztunnel',
      side('east', 'network-1'),
      far(exported('reviews', { clusterIP: 'None' }), pod('reviews-1')),
    );
    const atGateway = viewOf('router', side('east', 'network-1'), far(exported('reviews')));

    expect(ownVips(near, 'reviews')).toEqual(['10.0.0.1']);
    expect(ownVips(headless, 'reviews')).toEqual([]);
    expect(atGateway.services.size).toBe(0);
  });

  it('goes when the own cluster gets the service, and comes back with it gone', () => {
    const west = derive(far(exported('reviews')), false);
    const viewer = { cluster: 'east', role: 'ztunnel' } as const;
    const without = derive(side('east', 'network-1'));

    const first = project(modelOf(without, west), viewer);
    const second = project(modelOf(derive(side('east', 'network-1', exported('reviews'))), west), viewer, first);
    const third = project(modelOf(without, west), viewer, second);

    expect(ownVips(second, 'reviews')).toEqual(['10.0.0.1']);
    expect(ownVips(third, 'reviews')).toEqual(ownVips(first, 'reviews'));
  });
});

describe('addresses of a block', () => {
  const keys = (count: number) => Array.from({ length: count }, (_, index) => keyOf(`service-${index}`));

  it('are as many as there are services, each once, none the first or last of the block', () => {
    const given = [...vipsOf(VIPS, keys(5_000)).values()];

    expect(new Set(given).size).toBe(5_000);
    expect(given).not.toContain('240.240.0.0');
    expect(given).not.toContain('240.240.255.255');
    expect(given.every((ip) => ip.startsWith('240.240.'))).toBe(true);
  });

  it('end with the block; the rest have none', () => {
    expect(new Set(vipsOf({ ip: '240.240.0.9', length: 29 }, keys(9)).values())).toEqual(
      new Set([9, 10, 11, 12, 13, 14].map((last) => `240.240.0.${last}`)),
    );
  });

  it('stay for all but a few when a service comes: only what it takes the address of moves', () => {
    const before = vipsOf(VIPS, keys(2_000));
    const moved = keys(100).map((key, index) => {
      const after = vipsOf(VIPS, [...keys(2_000), `${key}-${index}`]);
      return [...before].filter(([key, ip]) => after.get(key) !== ip).length;
    });

    expect(Math.max(...moved)).toBeLessThanOrEqual(2);
  });
});
