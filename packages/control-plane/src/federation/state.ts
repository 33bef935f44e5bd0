/**
 * Peers and open invitations in files, one each, readable by their owner only; the command line and a running control
 * plane meet here. A file is replaced in one step, and an invitation is spent by whoever removes its file.
 *
 *   <directory>/peers/<cluster>.json        a peer; removing the file revokes it
 *   <directory>/invitations/<id>.json       the hash of a secret, and until when it counts
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Invitation, type Peer, peerSchema, pendingSchema, readJson } from './records.js';

/** One stream each way for each of them. */
const MAX_PEERS = 100;

export interface FederationState {
  readonly peersDirectory: string;
  /** Makes what is missing. */
  prepare(): Promise<void>;
  peers(): Promise<ReadPeers>;
  /** Rejects when that cluster is a peer already. */
  add(peer: Peer): Promise<void>;
  /** False when there is no such peer. */
  remove(cluster: string): Promise<boolean>;
  invite(now: number, ttlMs: number): Promise<Pick<Invitation, 'id' | 'secret'>>;
  /** Spends it. The reason when it does not count. */
  redeem(id: string, secret: string, now: number): Promise<string | undefined>;
}

export interface ReadPeers {
  /** In the order of clusters. */
  readonly peers: readonly Peer[];
  /** Of files that cannot be used. */
  readonly problems: readonly string[];
}

export function createFederationState(directory: string): FederationState {
  const peersDirectory = join(directory, 'peers');
  const invitations = join(directory, 'invitations');
  const peerFile = (cluster: string) => join(peersDirectory, `${cluster}.json`);

  async function prepare(): Promise<void> {
    for (const path of [directory, peersDirectory, invitations]) await mkdir(path, { recursive: true, mode: 0o700 });
  }

  return {
    peersDirectory,
    prepare,
    peers: () => readPeers(peersDirectory),
    async add(peer) {
      await prepare();
      const { peers } = await readPeers(peersDirectory);
      if (peers.some(({ cluster }) => cluster === peer.cluster))
        throw new Error(`cluster ${peer.cluster} is a peer already; "peer remove ${peer.cluster}" first`);
      if (peers.length >= MAX_PEERS) throw new Error(`there are ${MAX_PEERS} peers already`);
      await replaceFile(peerFile(peer.cluster), peer);
    },
    remove: (cluster) => unlinked(peerFile(cluster)),
    async invite(now, ttlMs) {
      await prepare();
      const id = randomBytes(8).toString('hex');
      const secret = randomBytes(32).toString('base64url');
      const expires = new Date(now + ttlMs).toISOString();
      await replaceFile(join(invitations, `${id}.json`), { hash: hashOf(secret).toString('hex'), expires });
      return { id, secret };
    },
    async redeem(id, secret, now) {
      const unknown = 'the invitation is not known here: it was used already, or never made; ask for a new one';
      if (!/^[0-9a-f]{16}$/.test(id)) return unknown;
      const file = join(invitations, `${id}.json`);
      const text = await readFile(file, 'utf8').catch(() => undefined);
      if (text === undefined) return unknown;
      const { hash, expires } = readJson(file, text, pendingSchema);
      if (!timingSafeEqual(Buffer.from(hash, 'hex'), hashOf(secret))) return 'the secret of the invitation is wrong';
      if (!(await unlinked(file))) return unknown;
      return Date.parse(expires) > now ? undefined : `the invitation expired at ${expires}; ask for a new one`;
    },
  };
}

async function readPeers(directory: string): Promise<ReadPeers> {
  const peers: Peer[] = [];
  const problems: string[] = [];
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    // Only what is not there has no peers; what cannot be read for a moment must not revoke them.
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names
    .filter((each) => each.endsWith('.json'))
    .sort()
    .slice(0, MAX_PEERS)) {
    const file = join(directory, name);
    try {
      const peer = readJson(file, await readFile(file, 'utf8'), peerSchema);
      if (name === `${peer.cluster}.json`) peers.push(peer);
      else problems.push(`${file} is of cluster ${peer.cluster}, after which it has to be named`);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return { peers, problems };
}

/** Whoever reads meanwhile finds the old file or the new one; unfinished ones do not end in `.json`. */
async function replaceFile(file: string, value: object): Promise<void> {
  const partial = `${file}.${randomBytes(4).toString('hex')}.partial`;
  try {
    await writeFile(partial, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Of several who try at once, one succeeds. */
async function unlinked(file: string): Promise<boolean> {
  try {
    await unlink(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
