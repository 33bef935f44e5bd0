import { BlockList } from 'node:net';
import { describe, expect, it } from 'vitest';
import { project, type View } from '../../src/projection/index.js';
import { vipsOf } from '../../src/projection/vips.js';
import { derive, modelOf, shopIn, VIPS, VIPS_V6, viewOf } from '../support/derive.js';
import { eastWestGateway, GLOBAL, keyOf, type Manifest, pod, service, serviceEntry } from '../support/objects.js';

const exported = (name: string, spec = {}) => service(name, { labels: GLOBAL, spec });
const far = (...objects: readonly Manifest[]) =>
  shopIn('west', 'network-2', eastWestGateway('network-2', '192.0.2.2'), ...objects);
const ownVips = (view: View, name: string) =>
  view.services
    .get(keyOf(name))
    ?.addresses.filter(({ network }) => network === 'network-1')
    .map(({ ip }) => ip);

describe('the address of a service that only another network has', () => {
  it('is one of the block, on the own network, besides those it has elsewhere', () => {
    const { addresses } = viewOf('ztunnel', shopIn('east', 'network-1'), far(exported('reviews'))).services.get(
      keyOf('reviews'),
    )!;

    expect(addresses).toEqual([
      { network: 'network-1', ip: expect.stringMatching(/^240\.240\.\d+\.\d+$/) },
      { network: 'network-2', ip: '10.0.0.1' },
    ]);
  });

  it('is the same whatever else there is, in whatever order, in a fresh control plane and in one that knew before', () => {
    const east = derive(shopIn('east', 'network-1'));
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
    const view = viewOf('ztunnel', shopIn('east', 'network-1', ...own), far(exported('reviews'), ...others));

    const given = [...view.services.values()]
      .flatMap(({ addresses }) => addresses)
      .filter(({ ip }) => ip.startsWith('240.'));
    expect(given.length).toBe(own.length === 0 ? 1 : 0);
    expect(view.services.has(keyOf('ratings'))).toBe(false);
  });

  it('is none when another cluster of the network has it, and for gateways', () => {
    const near = viewOf(
      'ztunnel',
      shopIn('east', 'network-1'),
      shopIn('south', 'network-1', exported('reviews')),
      far(exported('reviews')),
    );
    const atGateway = viewOf('router', shopIn('east', 'network-1'), far(exported('reviews')));

    expect(ownVips(near, 'reviews')).toEqual(['10.0.0.1']);
    expect(atGateway.services.size).toBe(0);
  });

  it('is given to what is headless there too: its pods have no addresses that mean anything here', () => {
    const view = viewOf(
      'ztunnel',
      shopIn('east', 'network-1'),
      far(exported('reviews', { clusterIP: 'None' }), pod('reviews-1')),
    );

    expect(ownVips(view, 'reviews')).toEqual([expect.stringMatching(/^240\.240\./)]);
  });

  it.each([
    ['of IPv4 only', ['10.0.0.7'], [/^240\.240\./]],
    ['of IPv6 only', ['fd00::7'], [/^2001:2::/]],
    ['of both', ['10.0.0.7', 'fd00::7'], [/^240\.240\./, /^2001:2::/]],
  ])('is of the families of the cluster: one %s', (_, clusterIPs, families) => {
    const own = service('other', { spec: { clusterIP: clusterIPs[0], clusterIPs } });

    const view = viewOf(
      'ztunnel',
      shopIn('east', 'network-1', own),
      far(exported('reviews', { ipFamilies: ['IPv4'] })),
    );

    expect(ownVips(view, 'reviews')).toEqual(families.map((family) => expect.stringMatching(family)));
    expect(view.services.get(keyOf('reviews'))?.ipFamilies).toBe('automatic');
  });

  it('is of the families of the pods while no Service has an address', () => {
    const own = pod('client-1', { ip: 'fd00:1::1' });

    const view = viewOf('ztunnel', shopIn('east', 'network-1', own), far(exported('reviews')));

    expect(ownVips(view, 'reviews')).toEqual([expect.stringMatching(/^2001:2::/)]);
  });

  it('goes when the own cluster gets the service, and comes back with it gone', () => {
    const west = derive(far(exported('reviews')), false);
    const viewer = { cluster: 'east', role: 'ztunnel' } as const;
    const without = derive(shopIn('east', 'network-1'));

    const first = project(modelOf(without, west), viewer);
    const second = project(modelOf(derive(shopIn('east', 'network-1', exported('reviews'))), west), viewer, first);
    const third = project(modelOf(without, west), viewer, second);

    expect(ownVips(second, 'reviews')).toEqual(['10.0.0.1']);
    expect(ownVips(third, 'reviews')).toEqual(ownVips(first, 'reviews'));
  });
});

describe('a host of a ServiceEntry without addresses', () => {
  const SPEC = { hosts: ['api.example.com'], ports: [{ number: 443, name: 'tls' }], resolution: 'DNS' };
  const KEY = 'shop/api.example.com';
  const vipsOfEntry = (spec: Manifest, rest: Manifest = {}, status?: Manifest) => {
    const entry = { ...serviceEntry('api', { ...SPEC, ...spec }, rest), ...(status && { status }) };
    const view = viewOf('ztunnel', shopIn('east', 'network-1', entry));
    return view.services.get(`shop/${(spec.hosts as string[] | undefined)?.[0] ?? SPEC.hosts[0]}`)?.addresses;
  };

  it.each(['DNS', 'STATIC', 'DNS_ROUND_ROBIN'])('is given one of the block with resolution %s', (resolution) => {
    expect(vipsOfEntry({ resolution })).toEqual([{ network: 'network-1', ip: expect.stringMatching(/^240\.240\./) }]);
  });

  it.each<[string, Manifest, Manifest]>([
    ['its clients choose the address', { resolution: 'NONE' }, {}],
    ['its name is many names', { hosts: ['*.example.com'], resolution: 'NONE' }, {}],
    ['its label says so', {}, { labels: { 'networking.istio.io/enable-autoallocate-ip': 'false' } }],
  ])('is given none when %s', (_, spec, rest) => {
    expect(vipsOfEntry(spec, rest)).toEqual([]);
  });

  it('keeps its own, and those that another control plane has given that host', () => {
    const addresses = [
      { host: 'api.example.com', value: '240.240.7.7' },
      { host: 'else.example.com', value: '240.240.7.8' },
    ];

    expect(vipsOfEntry({ addresses: ['192.0.2.0/24'] }, {}, { addresses })).toEqual([
      { network: 'network-1', ip: '192.0.2.0', length: 24 },
    ]);
    expect(vipsOfEntry({}, {}, { addresses })).toEqual([{ network: 'network-1', ip: '240.240.7.7' }]);
  });

  it('is given none that another one has', () => {
    const entry = serviceEntry('api', SPEC);
    const before = viewOf('ztunnel', shopIn('east', 'network-1', entry)).services.get(KEY)?.addresses[0]?.ip ?? '';
    const taker = serviceEntry('taker', { ...SPEC, hosts: ['taker.example.com'], addresses: [before] });

    const after = viewOf('ztunnel', shopIn('east', 'network-1', entry, taker)).services.get(KEY)?.addresses[0]?.ip;

    expect(before).toMatch(/^240\.240\./);
    expect(after).toMatch(/^240\.240\./);
    expect(after).not.toBe(before);
  });

  it.each([
    ['a block that another one has', (ip: string) => `${ip.split('.').slice(0, 3).join('.')}.0/24`],
    ['a half of all there are', () => '240.240.0.0/17'],
  ])('is given none out of %s', (_, blockAround) => {
    const hosts = Array.from({ length: 50 }, (_, index) =>
      serviceEntry(`e${index}`, { ...SPEC, hosts: [`e${index}.example.com`] }),
    );
    const addressesOf = (...objects: readonly Manifest[]) =>
      [...viewOf('ztunnel', shopIn('east', 'network-1', ...objects)).services.values()]
        .filter(({ hostname }) => hostname.startsWith('e'))
        .map(({ addresses }) => addresses[0]?.ip ?? '');
    const block = blockAround(addressesOf(...hosts)[0]!);
    const taker = serviceEntry('taker', { ...SPEC, hosts: ['taker.example.com'], addresses: [block] });

    const given = addressesOf(...hosts, taker);

    const [, prefix] = block.split('/');
    const { family } = VIPS;
    const list = new BlockList();
    list.addSubnet(block.split('/')[0]!, Number(prefix), family);
    expect(given.filter((ip) => list.check(ip, family))).toEqual([]);
    expect(new Set(given).size).toBe(50);
  });

  it('is given one although another one has a block around all of them: the longer prefix counts', () => {
    const taker = serviceEntry('taker', { ...SPEC, hosts: ['taker.example.com'], addresses: ['0.0.0.0/0'] });

    const view = viewOf('ztunnel', shopIn('east', 'network-1', serviceEntry('api', SPEC), taker));

    expect(view.services.get(KEY)?.addresses).toEqual([
      { network: 'network-1', ip: expect.stringMatching(/^240\.240\./) },
    ]);
  });

  it('is not given the address of a Service of the own cluster', () => {
    const entry = serviceEntry('api', SPEC);
    const before = viewOf('ztunnel', shopIn('east', 'network-1', entry)).services.get(KEY)?.addresses[0]?.ip ?? '';

    const view = viewOf(
      'ztunnel',
      shopIn('east', 'network-1', entry, service('taker', { spec: { clusterIP: before } })),
    );

    expect(view.services.get(KEY)?.addresses[0]?.ip).not.toBe(before);
  });

  it('is kept to its cluster unless it is exported, as a Service is', () => {
    const at = (labels: Record<string, string>) =>
      viewOf('ztunnel', shopIn('east', 'network-1'), far(serviceEntry('api', SPEC, { labels }))).services.get(KEY);

    expect(at({})).toBeUndefined();
    expect(at(GLOBAL)?.addresses).toEqual([{ network: 'network-1', ip: expect.stringMatching(/^240\.240\./) }]);
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
    expect(new Set(vipsOf({ family: 'ipv4', ip: '240.240.0.9', length: 29 }, keys(9)).values())).toEqual(
      new Set([9, 10, 11, 12, 13, 14].map((last) => `240.240.0.${last}`)),
    );
  });

  it('are as many of IPv6', () => {
    const given = [...vipsOf(VIPS_V6, keys(1_000)).values()];

    expect(new Set(given).size).toBe(1_000);
    expect(given.every((ip) => /^2001:2::[0-9a-f]+(:[0-9a-f]+)?$/.test(ip))).toBe(true);
  });

  it('are found in what is left of a block, and nowhere when nothing is', () => {
    const block = { family: 'ipv4', ip: '240.240.0.0', length: 28 } as const;

    expect([...vipsOf(block, keys(9), ['240.240.0.0/29', '240.240.0.14']).values()].sort()).toEqual(
      [10, 11, 12, 13, 8, 9].map((last) => `240.240.0.${last}`),
    );
    expect(vipsOf(block, keys(2), ['240.240.0.0/29', '240.240.0.8/29']).size).toBe(0);
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
