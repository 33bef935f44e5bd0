/**
 * Peers and open invitations in files, one each, readable by their owner only; the command line and a running control
 * plane meet here. A file is replaced in one step, and an invitation is spent by whoever removes its file.
 *
 *   <directory>/peers/<cluster>.json        a peer; removing the file revokes it
 *   <directory>/bundles/<cluster>.json      the roots it has by now; counts for the peer that it came from only
 *   <directory>/invitations/<id>.json       the hash of a secret, and until when it counts
 *   <directory>/imports/                    see saved/files.ts
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, unlinked } from '../files/index.js';
import { fingerprintsOf } from './identity.js';
import {
  bundleSchema,
  type Invitation,
  type KnownPeer,
  type Peer,
  peerSchema,
  pendingSchema,
  readJson,
} from './records.js';

const LATE_MS = 86_400_000;
/** What is told of an invitation that is not there. */
export const NOT_KNOWN = 'the invitation is not known here: it was used already, or never made; ask for a new one';
/** One stream each way for each of them. */
const MAX_PEERS = 100;
const ENDING = '.json';

export interface FederationState {
  /** Where changes of peers show. */
  readonly peerDirectories: readonly string[];
  readonly importsDirectory: string;
  /** Makes what is missing. */
  prepare(): Promise<void>;
  peers(): Promise<ReadPeers>;
  /** Rejects when that cluster is a peer already. */
  add(peer: Peer): Promise<void>;
  /** From now on the peer has these roots. */
  renewRoots(peer: KnownPeer, roots: string): Promise<void>;
  /** False when there is no such peer. */
  remove(cluster: string): Promise<boolean>;
  invite(now: number, ttlMs: number): Promise<Pick<Invitation, 'id' | 'secret'>>;
  /** Whether there is an invitation that counts, or did a day ago: who comes too late is told so. */
  isInviting(now: number): Promise<boolean>;
  /** Spends it. The reason when it does not count. */
  redeem(id: string, secret: string, now: number): Promise<string | undefined>;
}

export interface ReadPeers {
  /** In the order of clusters. */
  readonly peers: readonly KnownPeer[];
  /** Clusters whose file is there and cannot be used. */
  readonly unusable: readonly string[];
  /** Of files that cannot be used. */
  readonly problems: readonly string[];
}

export function createFederationState(directory: string): FederationState {
  const peersDirectory = join(directory, 'peers');
  const bundlesDirectory = join(directory, 'bundles');
  const invitations = join(directory, 'invitations');
  const peerFile = (cluster: string) => join(peersDirectory, `${cluster}${ENDING}`);
  const bundleFile = (cluster: string) => join(bundlesDirectory, `${cluster}${ENDING}`);

  async function prepare(): Promise<void> {
    for (const path of [directory, peersDirectory, bundlesDirectory, invitations])
      await mkdir(path, { recursive: true, mode: 0o700 });
  }

  return {
    peerDirectories: [peersDirectory, bundlesDirectory],
    importsDirectory: join(directory, 'imports'),
    prepare,
    peers: () => readPeers(peersDirectory, bundlesDirectory),
    async add(peer) {
      await prepare();
      const { peers } = await readPeers(peersDirectory, bundlesDirectory);
      if (peers.some(({ cluster }) => cluster === peer.cluster))
        throw new Error(`cluster ${peer.cluster} is a peer already; "peer remove ${peer.cluster}" first`);
      if (peers.length >= MAX_PEERS) throw new Error(`there are ${MAX_PEERS} peers already`);
      await unlinked(bundleFile(peer.cluster));
      await replaceFile(peerFile(peer.cluster), jsonOf(peer));
    },
    renewRoots: ({ cluster, anchors }, roots) =>
      replaceFile(bundleFile(cluster), jsonOf({ anchors: fingerprintsOf(anchors), roots })),
    async remove(cluster) {
      await unlinked(bundleFile(cluster));
      return unlinked(peerFile(cluster));
    },
    async invite(now, ttlMs) {
      await prepare();
      const id = randomBytes(8).toString('hex');
      const secret = randomBytes(32).toString('base64url');
      const expires = new Date(now + ttlMs).toISOString();
      await replaceFile(join(invitations, `${id}.json`), jsonOf({ hash: hashOf(secret).toString('hex'), expires }));
      return { id, secret };
    },
    async isInviting(now) {
      const names = (await readdir(invitations)).filter((name) => name.endsWith(ENDING));
      const ends = await Promise.all(names.map((name) => endOf(join(invitations, name))));
      return ends.some((end) => now < end + LATE_MS);
    },
    async redeem(id, secret, now) {
      if (!/^[0-9a-f]{16}$/.test(id)) return NOT_KNOWN;
      const file = join(invitations, `${id}.json`);
      const text = await readFile(file, 'utf8').catch(() => undefined);
      if (text === undefined) return NOT_KNOWN;
      const { hash, expires } = readJson(file, text, pendingSchema);
      if (!timingSafeEqual(Buffer.from(hash, 'hex'), hashOf(secret))) return 'the secret of the invitation is wrong';
      if (!(await unlinked(file))) return NOT_KNOWN;
      return Date.parse(expires) > now ? undefined : `the invitation expired at ${expires}; ask for a new one`;
    },
  };
}

/** Of an invitation, milliseconds since the epoch; one that cannot be used was over before. */
async function endOf(file: string): Promise<number> {
  try {
    return Date.parse(readJson(file, await readFile(file, 'utf8'), pendingSchema).expires);
  } catch {
    return Number.NEGATIVE_INFINITY;
  }
}

async function readPeers(directory: string, bundles: string): Promise<ReadPeers> {
  const peers: KnownPeer[] = [];
  const unusable: string[] = [];
  const problems: string[] = [];
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    // Only what is not there has no peers; what cannot be read for a moment must not revoke them.
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.filter((each) => each.endsWith(ENDING)).sort();
  if (files.length > MAX_PEERS)
    problems.push(`there are more than ${MAX_PEERS} peers; those after ${files[MAX_PEERS - 1]} are passed over`);
  for (const name of files.slice(0, MAX_PEERS)) {
    const file = join(directory, name);
    try {
      const peer = readJson(file, await readFile(file, 'utf8'), peerSchema);
      if (name !== `${peer.cluster}${ENDING}`)
        throw new Error(`${file} is of cluster ${peer.cluster}, after which it has to be named`);
      peers.push(await withBundle(peer, join(bundles, name), problems));
    } catch (error) {
      // Removed since the directory was read.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      unusable.push(name.slice(0, -ENDING.length));
      problems.push((error as Error).message);
    }
  }
  return { peers, unusable, problems };
}

/** One that is of another peer of that name counts for nothing. */
async function withBundle(peer: Peer, file: string, problems: string[]): Promise<KnownPeer> {
  const known = { ...peer, anchors: peer.roots };
  try {
    const { anchors, roots } = readJson(file, await readFile(file, 'utf8'), bundleSchema);
    const isOfPeer = fingerprintsOf(peer.roots).join() === anchors.join();
    return isOfPeer && fingerprintsOf(roots).length > 0 ? { ...known, roots } : known;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      problems.push(
        `${(error as Error).message}; the roots of ${peer.cluster} are those of its invitation until it tells them again`,
      );
    return known;
  }
}

function jsonOf(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
