/** Control planes that join each other: real files, TLS and gRPC; what a ztunnel of one is told of the other. */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Peer } from '../../src/federation/index.js';
import { GLOBAL, type Manifest, pod, service } from '../support/objects.js';
import { befriend, networkObjects, type PeerPlane, startPeerPlane } from '../support/peers.js';
import { openStream, proxyNode, type XdsClient } from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

const REVIEWS = 'shop/reviews.shop.svc.cluster.local';
const SPLIT_HORIZON = /^network-2\/SplitHorizonWorkload\/.*\/reviews\.shop\.svc\.cluster\.local/;

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function start(
  cluster: string,
  network: string,
  objects: readonly Manifest[],
  federation = '',
): Promise<PeerPlane> {
  const plane = await startPeerPlane({
    cluster,
    network,
    objects: [...networkObjects(network), ...objects],
    federation,
  });
  open.push(plane);
  return plane;
}

const westObjects = (labels = GLOBAL) => [
  service('reviews', { labels, spec: { clusterIP: '10.2.0.1' } }),
  service('secret', { spec: { clusterIP: '10.2.0.2' } }),
  pod('reviews-1', { ip: '10.2.1.1', account: 'reviews' }),
  pod('reviews-2', { ip: '10.2.1.2', account: 'reviews' }),
  pod('secret-1', { ip: '10.2.1.3', account: 'secret' }),
];

function twoPlanes(): Promise<readonly [PeerPlane, PeerPlane]> {
  return Promise.all([start('east', 'network-1', []), start('west', 'network-2', westObjects())]);
}

/** What a ztunnel of the plane holds, kept up to date. */
async function ztunnelOf(
  plane: PeerPlane,
): Promise<{ until(is: (held: ReadonlySet<string>) => boolean): Promise<void> }> {
  const client: XdsClient = openStream(plane, { token: await plane.token({}) });
  open.push(client);
  const held = new Set<string>();
  client.send(request(ADDRESS, { node: proxyNode() }));
  return {
    async until(is) {
      while (!is(held)) {
        const { names, removed } = await client.accept();
        for (const name of names) held.add(name);
        for (const name of removed) held.delete(name);
      }
    },
  };
}

const isLive = (peer: { state: string } | undefined) => peer?.state === 'live';
const hasAny = (held: ReadonlySet<string>, name: RegExp) => [...held].some((each) => name.test(each));

describe('two control planes', () => {
  it('tell each other what they export, both ways, and nothing else', async () => {
    const east = await start('east', 'network-1', [service('orders', { labels: GLOBAL }), pod('orders-1', {})]);
    const west = await start('west', 'network-2', westObjects());
    const [inEast, inWest] = [await ztunnelOf(east), await ztunnelOf(west)];

    await befriend(east, west);

    let names: readonly string[] = [];
    await inEast.until((held) => {
      names = [...held];
      return held.has(REVIEWS) && hasAny(held, SPLIT_HORIZON);
    });
    await inWest.until((held) => held.has('shop/orders.shop.svc.cluster.local'));
    const seen = await east.sees('west', isLive);
    expect(seen).toMatchObject({ services: 1, workloads: 1, gateways: 1, problems: [] });
    expect(names.filter((name) => /secret|10\.2\.1|reviews-[12]/.test(name))).toEqual([]);
  });

  it('hold no private key of each other, and their files are for their owners only', async () => {
    const [east, west] = await twoPlanes();

    await befriend(east, west);

    const file = join(east.directory, 'federation', 'peers', 'west.json');
    expect(await readFile(file, 'utf8')).not.toContain('PRIVATE KEY');
    expect((await stat(file)).mode & 0o077).toBe(0);
    expect(await readdir(join(east.directory, 'federation', 'invitations'))).toEqual([]);
  });

  it('withdraw a service that is global no longer', async () => {
    const [east, west] = await twoPlanes();
    await befriend(east, west);
    const inEast = await ztunnelOf(east);
    await inEast.until((held) => held.has(REVIEWS));

    await west.write('west', 'objects.yaml', [...networkObjects('network-2'), ...westObjects({} as typeof GLOBAL)]);

    await inEast.until((held) => !held.has(REVIEWS) && !hasAny(held, SPLIT_HORIZON));
    expect(await east.sees('west', (peer) => peer?.services === 0)).toMatchObject({ workloads: 0 });
  });

  it('part at once when one removes the other: its workloads are gone, and its streams end', async () => {
    const [east, west] = await twoPlanes();
    await befriend(east, west);
    const inEast = await ztunnelOf(east);
    await inEast.until((held) => held.has(REVIEWS));

    await east.peer('remove', 'west');

    await inEast.until((held) => !held.has(REVIEWS) && ![...held].some((name) => name.includes('network-2')));
    expect(await east.sees('west', (peer) => peer === undefined)).toBeUndefined();
    expect(
      await west.sees('east', (peer) => peer?.state === 'stale' && /is no peer here/.test(peer.lastEnd ?? '')),
    ).toBeDefined();
  });

  it('keep what the other said last while it is away, and catch up when it is back', async () => {
    const [east, west] = await twoPlanes();
    await befriend(east, west);
    await east.sees('west', isLive);
    const inEast = await ztunnelOf(east);
    await inEast.until((held) => held.has(REVIEWS));

    await west.stop();
    await east.sees('west', (peer) => peer?.state === 'stale');
    await inEast.until((held) => held.has(REVIEWS));
    await west.write('west', 'more.yaml', [service('more', { labels: GLOBAL }), pod('more-1', { ip: '10.2.1.9' })]);
    await west.start();

    await inEast.until((held) => held.has('shop/more.shop.svc.cluster.local'));
    expect(await east.sees('west', isLive)).toMatchObject({ services: 2 });
  });
});

describe('a peer that is told less than all', () => {
  const ONLY_REVIEWS =
    'exports: [{peer: east, serviceScopeConfigs: [{scope: GLOBAL, servicesSelector: {matchLabels: {for: everybody}}}]}]';
  const objects = [
    service('reviews', { labels: { ...GLOBAL, for: 'everybody' }, spec: { clusterIP: '10.2.0.1' } }),
    service('ledger', { labels: GLOBAL, spec: { clusterIP: '10.2.0.2' } }),
    pod('reviews-1', { ip: '10.2.1.1' }),
    pod('ledger-1', { ip: '10.2.1.2' }),
  ];

  it('hears of what its entry selects, another of everything; both are told why, and counted', async () => {
    const [east, north, west] = await Promise.all([
      start('east', 'network-1', []),
      start('north', 'network-3', []),
      start('west', 'network-2', objects, ONLY_REVIEWS),
    ]);
    await befriend(west, east);
    await befriend(west, north);

    const [inEast, inNorth] = [await east.sees('west', isLive), await north.sees('west', isLive)];
    for (const peer of ['east', 'north']) await west.sees(peer, isLive);
    const page = async (path: string) => (await fetch(`http://127.0.0.1:${west.plane.ports.monitoring}${path}`)).text();
    const rows = JSON.parse(await page('/debug/scope')) as readonly { service: string; peers: unknown }[];
    const metrics = await page('/metrics');

    expect([inEast, inNorth]).toMatchObject([
      { services: 1, workloads: 1 },
      { services: 2, workloads: 2 },
    ]);
    expect(rows.find(({ service: name }) => name.startsWith('shop/ledger'))?.peers).toEqual([
      { peer: 'east', told: false, reason: expect.stringMatching(/^no entry .* selects it$/) },
      { peer: 'north', told: true, reason: expect.stringMatching(/everything/) },
    ]);
    for (const line of [
      'isthmus_federation_connected{peer="east"} 1',
      'isthmus_federation_exported_records{peer="east",kind="services"} 1',
      'isthmus_federation_exported_records{peer="north",kind="services"} 2',
      'isthmus_federation_imported_records{peer="north",kind="gateways"} 1',
      'isthmus_federation_import_age_seconds{peer="east"} 0',
    ])
      expect(metrics).toContain(line);
    expect(metrics).toMatch(/isthmus_federation_sent_bytes_total\{peer="north"\} [1-9]/);
    expect(metrics).toMatch(/isthmus_federation_received_bytes_total\{peer="north"\} [1-9]/);
  });
});

it('a scope for a cluster that is no peer is told of: a slip would tell the peer that was meant everything', async () => {
  const east = await start('east', 'network-1', [], 'exports: [{peer: wset, serviceScopeConfigs: []}]');

  const line = await east.logged(({ message }) => /name clusters that are no peers/.test(message));

  expect(line).toMatchObject({ level: 'warn', clusters: ['wset'] });
});

describe('replicas of a control plane', () => {
  it('over one directory take an invitation of each other, once, and each has a stream of its own', async () => {
    const [east, west] = await twoPlanes();
    const second = await west.replica();
    open.push(second);
    const invitation = await west.peer('invite');
    const [prefix, body = ''] = invitation.split('.');
    const elsewhere = await second.invite();
    const { address } = JSON.parse(Buffer.from(elsewhere.split('.')[1] ?? '', 'base64url').toString()) as Peer;
    const read = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
    const atSecond = Buffer.from(JSON.stringify({ ...read, address })).toString('base64url');

    await east.peer('add', `${prefix}.${atSecond}`);

    await west.sees('east', isLive);
    await east.sees('west', isLive);
    const seen = await east.sees('west', (peer) => peer?.receives.length === 2);
    expect(seen).toMatchObject({ services: 1 });
    expect(second.plane.status().peers).toMatchObject([{ cluster: 'east', services: 0 }]);
    await expect(east.peer('add', invitation)).rejects.toThrow(/is a peer already/);
  });
});

describe('an invitation', () => {
  it('counts once', async () => {
    const [east, west] = await twoPlanes();
    const north = await start('north', 'network-3', []);
    const invitation = await befriend(east, west);

    const again = north.peer('add', invitation);

    await expect(again).rejects.toThrow(/used already/);
    expect(await readdir(join(east.directory, 'federation', 'peers'))).toEqual(['west.json']);
  });

  it('expires', async () => {
    const [east, west] = await twoPlanes();
    const invitation = await east.peer('invite', '--ttl', '1ms');

    const late = west.peer('add', invitation);

    await expect(late).rejects.toThrow(/expired at .*ask for a new one/);
    expect(await west.peer('list')).toBe('');
  });

  it('is not sent to who shows other roots than it names', async () => {
    const [east, west] = await twoPlanes();
    const north = await start('north', 'network-3', []);
    const invitation = await east.peer('invite');
    const [prefix, body = ''] = invitation.split('.');
    const read = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
    const astray = Buffer.from(JSON.stringify({ ...read, address: north.address })).toString('base64url');

    const refused = west.peer('add', `${prefix}.${astray}`);

    await expect(refused).rejects.toThrow(/shows the roots .* the invitation names/);
    expect(await west.peer('add', invitation)).toContain('cluster east');
  });

  it('is of no use for a cluster that is read from elsewhere, or is a peer already', async () => {
    const [east, west] = await twoPlanes();
    await befriend(east, west);
    const second = await east.peer('invite');
    const own = await west.peer('invite');

    const [twice, itself] = await Promise.allSettled([west.peer('add', second), west.peer('add', own)]);

    expect(twice).toMatchObject({ reason: { message: expect.stringMatching(/is a peer already/) } });
    expect(itself).toMatchObject({ reason: { message: expect.stringMatching(/itself|is a source already/) } });
  });
});

describe('a peer', () => {
  it('that claims to be another cluster is refused', async () => {
    const [east, west] = await twoPlanes();
    const north = await start('north', 'network-3', []);
    await befriend(east, west);
    await befriend(east, north);
    await west.stop();
    const impostor = await startPeerPlane({
      cluster: 'west',
      network: 'network-2',
      objects: networkObjects('network-2', '192.0.2.9'),
      // Roots that east believes, though not of west.
      root: join(north.directory, 'root'),
    });
    open.push(impostor);

    await impostor.adopt(east, 'east', 'network-1');

    const line = await east.logged(
      ({ message, reason }) => message === 'peer refused' && /says it is of cluster west/.test(String(reason)),
    );
    expect(line.reason).toMatch(/but was not issued under that cluster's roots/);
    await east.logged(({ level, reason }) => level === 'debug' && reason === line.reason);
    expect(east.logs.filter(({ level, reason }) => level === 'warn' && reason === line.reason)).toHaveLength(1);
    expect(await impostor.sees('east', (peer) => peer?.lastEnd !== undefined)).toMatchObject({ state: 'connecting' });
  });

  it('whose file cannot be used is told of; it stays what it was, and so do the others', async () => {
    const [east, west] = await twoPlanes();
    await befriend(east, west);
    await east.sees('west', isLive);
    const inEast = await ztunnelOf(east);
    await inEast.until((held) => held.has(REVIEWS));
    const whole = await readFile(join(east.directory, 'federation/peers', 'west.json'), 'utf8');
    const told =
      (file: RegExp) =>
      ({ message, problem }: { message: string; problem?: unknown }) =>
        /peer cannot be used as its file is now/.test(message) && file.test(String(problem));

    await east.write('federation/peers', 'north.json', '{"cluster": "north"}');
    await east.logged(told(/north\.json cannot be used: .*address/));
    await east.write('federation/peers', 'west.json', whole.slice(0, 50));
    await east.logged(told(/west\.json is no JSON/));
    await west.write('west', 'more.yaml', [service('more', { labels: GLOBAL }), pod('more-1', { ip: '10.2.1.9' })]);

    // Its stream is the same one.
    await inEast.until((held) => held.has('shop/more.shop.svc.cluster.local'));
    expect(await east.sees('west', isLive)).toMatchObject({ generation: 1, services: 2 });
    await rm(join(east.directory, 'federation/peers', 'west.json'));
    await inEast.until((held) => !held.has(REVIEWS));
  });
});
