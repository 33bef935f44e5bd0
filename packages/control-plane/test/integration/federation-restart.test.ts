/** A control plane that starts while a peer is away: what it knows of it, how old that may be, and what it says. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { GLOBAL, pod, service } from '../support/objects.js';
import { befriend, networkObjects, type PeerPlane, type PeerPlaneInit, startPeerPlane } from '../support/peers.js';
import { openStream, proxyNode } from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

const REVIEWS = 'shop/reviews.shop.svc.cluster.local';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function start(cluster: string, network: string, more: Partial<PeerPlaneInit> = {}): Promise<PeerPlane> {
  const { objects = [], ...rest } = more;
  const plane = await startPeerPlane({ cluster, network, objects: [...networkObjects(network), ...objects], ...rest });
  open.push(plane);
  return plane;
}

const reviews = [
  service('reviews', { labels: GLOBAL, spec: { clusterIP: '10.2.0.1' } }),
  pod('reviews-1', { ip: '10.2.1.1', account: 'reviews' }),
];

/** East, whose peer west has told it of reviews and is away now; east is not running. */
async function eastAlone(more: Partial<PeerPlaneInit> = {}): Promise<PeerPlane> {
  const [east, west] = await Promise.all([
    start('east', 'network-1', more),
    start('west', 'network-2', { objects: reviews }),
  ]);
  await befriend(east, west);
  await east.sees('west', (peer) => peer?.state === 'live');
  await west.stop();
  await east.stop();
  return east;
}

const savedFile = ({ directory }: PeerPlane) => join(directory, 'federation', 'imports', 'west.imports');

async function namesTold(plane: PeerPlane): Promise<readonly string[]> {
  const client = openStream(plane, { token: await plane.token({}) });
  open.push(client);
  client.send(request(ADDRESS, { node: proxyNode() }));
  return (await client.accept()).names;
}

describe('a control plane that starts while a peer is away', () => {
  it('serves what the peer exported last, and says that it is from disk and as of when', async () => {
    const east = await eastAlone();

    await east.start();
    await east.plane.ready;

    expect(await namesTold(east)).toEqual(
      expect.arrayContaining([REVIEWS, expect.stringMatching(/^network-2\/SplitHorizonWorkload\//)]),
    );
    const seen = await east.sees('west', (peer) => peer?.lastEnd !== undefined);
    expect(seen).toMatchObject({ state: 'stale', from: 'disk', generation: 0, services: 1, workloads: 1, gateways: 1 });
    expect(Date.now() - (seen?.asOf ?? 0)).toBeLessThan(60_000);
    expect((await stat(savedFile(east))).mode & 0o077).toBe(0);
  });

  it('takes over what the peer says as soon as it is back, in one step', async () => {
    const [east, west] = await Promise.all([
      start('east', 'network-1'),
      start('west', 'network-2', { objects: reviews }),
    ]);
    await befriend(east, west);
    await east.sees('west', (peer) => peer?.state === 'live');
    await west.stop();
    await east.stop();
    await west.write('west', 'more.yaml', [service('more', { labels: GLOBAL, spec: { clusterIP: '10.2.0.2' } })]);

    await east.start();
    await east.sees('west', (peer) => peer?.from === 'disk');
    await west.start();

    const seen = await east.sees('west', (peer) => peer?.state === 'live');
    expect(seen).toMatchObject({ from: 'peer', generation: 1, services: 2 });
  });

  it('says once that the peer is away, whom it means, and what to do', async () => {
    const east = await eastAlone();

    await east.start();

    const line = await east.logged(({ message }) => message === 'peer is away; what it exported last stays in force');
    expect(line).toMatchObject({ level: 'warn', cluster: 'west', asOf: expect.stringMatching(/^20/) });
    expect(line.remedy).toMatch(/check that the control plane of west runs and that [\d.]+:\d+ is reached from here/);
  });

  it('puts a file that cannot be used aside, with one error that says why', async () => {
    const east = await eastAlone();
    const bytes = await readFile(savedFile(east));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(savedFile(east), bytes);

    await east.start();

    const line = await east.logged(({ message }) => String(message).startsWith('saved imports cannot be used'));
    expect(line).toMatchObject({ level: 'error', cluster: 'west', reason: expect.stringMatching(/hash/) });
    await east.sees('west', (peer) => peer?.state === 'connecting' && peer.services === 0);
    expect(await readdir(join(east.directory, 'federation', 'imports'))).toEqual(['west.imports.unusable']);
  });

  it('does not believe what is older than it may be', async () => {
    const east = await eastAlone({ federation: 'maxImportAge: 1ms' });

    await east.start();

    const line = await east.logged(({ message }) => String(message).startsWith('saved imports are too old to count'));
    expect(line).toMatchObject({ cluster: 'west', maxAgeMs: 1 });
    expect(await east.sees('west', (peer) => peer !== undefined)).toMatchObject({ state: 'connecting', services: 0 });
  });

  it('keeps nothing of a peer that was removed, whether it runs or not', async () => {
    const east = await eastAlone();
    await east.peer('remove', 'west');
    const whileDown = await readdir(join(east.directory, 'federation', 'imports'));
    const other = await eastAlone();
    await other.start();
    await other.sees('west', (peer) => peer?.from === 'disk');

    await other.peer('remove', 'west');
    await other.sees('west', (peer) => peer === undefined);
    await other.stop();

    expect(whileDown).toEqual([]);
    expect(await readdir(join(other.directory, 'federation', 'imports'))).toEqual([]);
  });
});
