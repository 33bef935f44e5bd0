/** Credentials of a peer that are replaced while it is one: nobody forgets anything, and nothing has to be invited anew. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCacerts } from '../../src/index.js';
import { GLOBAL, pod, service } from '../support/objects.js';
import { befriend, networkObjects, type PeerPlane, startPeerPlane } from '../support/peers.js';
import { openStream, proxyNode } from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function start(cluster: string, network: string): Promise<PeerPlane> {
  const objects = [
    ...networkObjects(network),
    service(`of-${cluster}`, { labels: GLOBAL }),
    pod(`of-${cluster}-1`, { labels: { app: `of-${cluster}` } }),
  ];
  const plane = await startPeerPlane({ cluster, network, objects });
  open.push(plane);
  return plane;
}

async function twoPeers(): Promise<readonly [PeerPlane, PeerPlane]> {
  const [east, west] = await Promise.all([start('east', 'network-1'), start('west', 'network-2')]);
  await befriend(east, west);
  await Promise.all([east.sees('west', isLive), west.sees('east', isLive)]);
  return [east, west];
}

const isLive = (peer: { readonly state: string } | undefined) => peer?.state === 'live';

/** Every removal that a ztunnel of the plane is told of. */
async function watchRemovals(
  plane: PeerPlane,
): Promise<{ readonly removed: readonly string[]; settled(): Promise<void> }> {
  const client = openStream(plane, { token: await plane.token({}) });
  open.push(client);
  const removed: string[] = [];
  client.send(request(ADDRESS, { node: proxyNode() }));
  await client.accept();
  const news = client.accept().then(
    (response) => void removed.push(...response.removed, ...response.names),
    () => {},
  );
  return { removed, settled: () => Promise.race([news, new Promise<void>((resolve) => setImmediate(resolve))]) };
}

const FILES = ['ca-key.pem', 'ca-cert.pem', 'cert-chain.pem', 'root-cert.pem'] as const;

/** Replaces files of its CA; `roots` are those that it tells of then. */
async function replaceCa(plane: PeerPlane, from: string, roots: string): Promise<void> {
  const replace = async (name: string, content: string) => {
    const file = join(plane.directory, 'ca', name);
    await writeFile(`${file}.new`, content, { mode: 0o600 });
    await rename(`${file}.new`, file);
  };
  await replace('root-cert.pem', roots);
  for (const name of FILES) if (name !== 'root-cert.pem') await replace(name, await readFile(join(from, name), 'utf8'));
}

/** Another CA for that cluster, below the root it has or below a new one. */
async function makeCa(plane: PeerPlane, name: string, root: string): Promise<string> {
  const out = join(plane.directory, name);
  const [cluster, trustDomain] = ['west', 'cluster.local'];
  await makeCacerts({ out, root: join(plane.directory, root), cluster, trustDomain, now: Date.now() });
  return out;
}

const rootsKnown = async (plane: PeerPlane) =>
  (JSON.parse(await plane.peer('list', '--json')) as { peers: { fingerprints: string[] }[] }).peers[0]?.fingerprints ??
  [];

async function untilKnown(plane: PeerPlane, count: number): Promise<void> {
  await plane.logged(
    ({ message, fingerprints }) => message === 'peer has other roots' && (fingerprints as string[]).length === count,
  );
}

describe('a peer whose CA is replaced', () => {
  it('below the same root stays what it is, and proves itself by the new certificate when it comes back', async () => {
    const [east, west] = await twoPeers();
    const { removed, settled } = await watchRemovals(east);

    await replaceCa(west, await makeCa(west, 'next', 'root'), west.rootPem);
    await west.logged(({ message }) => message === 'CA replaced');
    await west.stop();
    await west.start();

    await east.logged(({ message }) => message === 'peer reached again');
    await Promise.all([east.sees('west', isLive), west.sees('east', isLive)]);
    await settled();
    expect(removed).toEqual([]);
    expect(await rootsKnown(east)).toHaveLength(1);
  });

  it('with a new root, one step after the other, is followed: no record is lost and no invitation needed', async () => {
    const [east, west] = await twoPeers();
    const { removed, settled } = await watchRemovals(east);
    const current = join(west.directory, 'ca');
    const next = await makeCa(west, 'next', 'next-root');
    const nextRoot = await readFile(join(next, 'root-cert.pem'), 'utf8');

    await replaceCa(west, current, `${west.rootPem}${nextRoot}`);
    await untilKnown(east, 2);
    await replaceCa(west, next, `${west.rootPem}${nextRoot}`);
    await west.logged(({ message }) => message === 'serving certificate renewed');
    await replaceCa(west, next, nextRoot);
    await untilKnown(east, 1);
    await west.stop();
    await west.start();

    await Promise.all([east.sees('west', isLive), west.sees('east', isLive)]);
    await settled();
    expect(removed).toEqual([]);
    expect(await rootsKnown(east)).toHaveLength(1);
    expect(east.logs.filter(({ message }) => message === 'peer added')).toHaveLength(1);
  });

  it('all at once is not believed, and that is told with the remedy; what it exported stays', async () => {
    const [east, west] = await twoPeers();
    const next = await makeCa(west, 'next', 'next-root');
    await west.stop();
    await replaceCa(west, next, await readFile(join(next, 'root-cert.pem'), 'utf8'));

    await west.start();

    const line = await east.logged(({ message }) => message === 'peer is away; what it exported last stays in force');
    expect(line.cluster).toBe('west');
    const seen = await east.sees('west', (peer) => /roots of its CA replaced at once/.test(peer?.remedy ?? ''));
    expect(seen).toMatchObject({ state: 'stale', services: 1 });
  });
});
