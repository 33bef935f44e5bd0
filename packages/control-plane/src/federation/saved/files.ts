/**
 * What peers exported last, in one file each, so that a control plane that starts while a peer is away can serve what it
 * knew. A file that cannot be used is told of once and put aside, for whoever wants to know why; one of a cluster that is
 * no peer is removed.
 *
 *   <directory>/<cluster>.imports           see format.ts
 *   <directory>/<cluster>.imports.unusable  the last one that could not be used
 */
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Snapshot } from '@isthmus/sdk/discovery';
import type { Logger } from '@isthmus/sdk/runtime';
import { replaceFile } from '../../files/index.js';
import { fingerprintsOf } from '../identity.js';
import type { Peer } from '../records.js';
import { encodeRecords, formatHead, MAX_SAVED_BYTES, type Owner, parseSaved, type Restored } from './format.js';

export interface SavedImports {
  /** Undefined when there is nothing that this peer said. Never rejects. */
  load(peer: Peer): Promise<Restored | undefined>;
  /** Rejects when it cannot be written; what was there stays. */
  save(peer: Peer, records: Pick<Snapshot, 'services' | 'workloads'>, asOf: number): Promise<void>;
  remove(cluster: string): Promise<void>;
  /** Removes what is of none of these. */
  retain(clusters: readonly string[]): Promise<void>;
}

const ENDING = '.imports';
const UNUSABLE = '.unusable';

export function createSavedImports(directory: string, log: Logger): SavedImports {
  const fileOf = (cluster: string) => join(directory, `${cluster}${ENDING}`);

  return {
    async load(peer) {
      const file = fileOf(peer.cluster);
      try {
        const restored = await read(file);
        if (!restored || isOf(peer, restored.owner)) return restored;
        log.warn({ cluster: peer.cluster, file }, 'saved imports are of another peer of that name and are removed');
        await rm(file, { force: true });
      } catch (error) {
        const aside = `${file}${UNUSABLE}`;
        const story = { cluster: peer.cluster, file, aside, reason: (error as Error).message };
        log.error(story, 'saved imports cannot be used and are put aside; the peer is known once it can be reached');
        await rename(file, aside).catch(() => {});
      }
      return undefined;
    },
    async save(peer, records, asOf) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const pieces: Uint8Array[] = [];
      let bytes = 0;
      for (const piece of encodeRecords(records)) {
        pieces.push(piece);
        bytes += piece.length;
        if (bytes > MAX_SAVED_BYTES) throw new Error(`they are more than ${MAX_SAVED_BYTES} bytes`);
        // Proxies are served meanwhile.
        await turn();
      }
      await replaceFile(fileOf(peer.cluster), [formatHead(ownerOf(peer), asOf, pieces), ...pieces]);
    },
    async remove(cluster) {
      for (const file of [fileOf(cluster), `${fileOf(cluster)}${UNUSABLE}`]) await rm(file, { force: true });
    },
    async retain(clusters) {
      const kept = new Set(clusters.flatMap((cluster) => [`${cluster}${ENDING}`, `${cluster}${ENDING}${UNUSABLE}`]));
      const names = await readdir(directory).catch(() => []);
      for (const name of names) if (!kept.has(name)) await rm(join(directory, name), { force: true });
    },
  };
}

async function read(file: string): Promise<Restored | undefined> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!found) return undefined;
  if (found.size > MAX_SAVED_BYTES) throw new Error(`it has more than ${MAX_SAVED_BYTES} bytes`);
  return parseSaved(await readFile(file));
}

function ownerOf({ cluster, network, trustDomain, roots }: Peer): Owner {
  return { cluster, network, trustDomain, fingerprints: fingerprintsOf(roots) };
}

/** Roots may have been replaced one by one; who has none of them in common is somebody else. */
function isOf(peer: Peer, { fingerprints, ...owner }: Owner): boolean {
  const { cluster, network, trustDomain, fingerprints: known } = ownerOf(peer);
  return (
    owner.cluster === cluster &&
    owner.network === network &&
    owner.trustDomain === trustDomain &&
    fingerprints.some((each) => known.includes(each))
  );
}
