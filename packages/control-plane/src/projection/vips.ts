/**
 * Addresses for services that have none where they are seen. Applications connect to addresses; so what only other networks
 * have, and hosts of ServiceEntries that name none, are given some out of blocks that nothing else uses (Istio's control
 * plane gives ServiceEntries theirs out of the same).
 *
 * An address follows from the services that need one, the families of the viewer's cluster, and addresses that are taken, and
 * from nothing else: every replica and every restart gives the same. A service takes the first free address from where the
 * hash of its key points to, lower hashes first. So another service can move it only by taking that very address: of 1,000
 * services in 65,534 addresses, about 8 stand that close to another. Bounded by the blocks; services beyond have none and
 * are reached by name.
 */
import { createHash } from 'node:crypto';
import type { Service } from '@isthmus/sdk/discovery';
import { formatIp } from '@isthmus/sdk/wire';
import { addressText, isSameBasis } from '../model/index.js';
import type { VipBlock } from '../vip-blocks.js';
import { addressAt, liesWithin, type Place, type Range, slotsOf, slotsTaken } from './blocks.js';
import type { Families } from './families.js';
import type { MergedService } from './merge.js';
import type { Viewpoint } from './services.js';
import type { Allocation, NamespaceView } from './types.js';

/**
 * Whether nobody on the network gives the service an address though one would be of use. A headless Service of the own network
 * has its pods; where the client's own choice of address counts (resolution NONE, a wildcard), one of ours would be wrong.
 */
export function needsVip({ base, parts }: MergedService, { cluster: own, network, reserved }: Viewpoint): boolean {
  const near = parts.filter(({ cluster }) => cluster.network === network);
  const isGiven = ({ cluster, record: { addresses } }: MergedService['parts'][number]) =>
    addresses.some((each) => cluster.id === own || !liesWithin(reserved, each));
  if (near.some(isGiven)) return false;
  if (base.loadBalancing?.mode === 'passthrough' || base.hostname.startsWith('*')) return false;
  return near.every(({ record }) => !record.canonical && !record.staysWithoutAddress);
}

/** Addresses of services on the network that lie in the blocks; with their prefix length, when they are blocks themselves. */
export function takenBy(services: readonly Service[], { network, reserved }: Viewpoint): readonly string[] {
  return services.flatMap(({ addresses }) =>
    addresses.filter((each) => each.network === network && liesWithin(reserved, each)).map(addressText),
  );
}

const NO_BLOCKS: readonly VipBlock[] = [];

/** The previous one, itself, while the same services need an address of the same families. */
export function allocateVips(
  blocks: readonly VipBlock[],
  views: Iterable<NamespaceView>,
  previous: Allocation | undefined,
): Allocation {
  const keys: string[] = [];
  const taken: string[] = [];
  for (const view of views) {
    if (view.strangers) keys.push(...view.strangers);
    if (view.taken) taken.push(...view.taken);
  }
  const basis = [...blocks.map(textOf), ...keys, ...taken];
  if (previous && isSameBasis(previous.basis, basis)) return previous;
  const given = blocks.map((block) => vipsOf(block, keys, taken));
  const vips = new Map(keys.map((key) => [key, given.flatMap((each) => each.get(key) ?? [])]));
  return { blocks, basis, vips };
}

/** Of the families that the cluster has. */
export function usableBlocks(blocks: readonly VipBlock[] = NO_BLOCKS, families: Families): readonly VipBlock[] {
  return blocks.filter(({ family }) => families.has(family));
}

/** Whether the two ask for the same addresses and leave the same to others. */
export function needsTheSame(a: NamespaceView | undefined, b: NamespaceView | undefined): boolean {
  return isSameBasis(a?.strangers ?? [], b?.strangers ?? []) && isSameBasis(a?.taken ?? [], b?.taken ?? []);
}

function textOf({ ip, length }: VipBlock): string {
  return `${ip}/${length}`;
}

/** `taken`: addresses, and blocks of them, that somebody else has. */
export function vipsOf(
  block: VipBlock,
  keys: readonly string[],
  taken: readonly string[] = [],
): ReadonlyMap<string, string> {
  const slots = slotsOf(block);
  const within = taken.map(placeOf).filter((place) => liesWithin([block], place));
  const all = within.flatMap((place) => slotsTaken(slots, place) ?? []);
  const ranges = all.filter(({ from, to }) => from < to);
  const used = new Set(all.filter(({ from, to }) => from === to).map(({ from }) => from));
  const ranked = keys.map((key) => ({ key, hash: createHash('sha256').update(key).digest() }));
  ranked.sort((a, b) => Buffer.compare(a.hash, b.hash));
  const vips = new Map<string, string>();
  for (const { key, hash } of ranked) {
    const slot = firstFree(hash.readUInt32BE() % slots.size, slots.size, used, ranges);
    if (slot === undefined) break;
    used.add(slot);
    vips.set(key, formatIp(addressAt(slots, slot)) ?? '');
  }
  return vips;
}

/** From there on and round; a range is stepped over as a whole. Undefined when there is none. */
function firstFree(
  start: number,
  size: number,
  used: ReadonlySet<number>,
  ranges: readonly Range[],
): number | undefined {
  for (let slot = start, looked = 0; looked < size; ) {
    const range = ranges.find(({ from, to }) => from <= slot && slot <= to);
    if (!range && !used.has(slot)) return slot;
    const step = range ? range.to + 1 - slot : 1;
    looked += step;
    slot = (slot + step) % size;
  }
  return undefined;
}

function placeOf(text: string): Place {
  const [ip = '', length] = text.split('/');
  return length === undefined ? { ip } : { ip, length: Number(length) };
}

/** With the addresses allocated; the same object when it has them already. */
export function withVips(view: NamespaceView, network: string, { vips }: Allocation): NamespaceView {
  const { strangers = [], services } = view;
  const moved = strangers.flatMap((key) => {
    const service = services.get(key);
    if (!service) return [];
    const given = vips.get(key) ?? [];
    // Of this network it has no others: nobody on it gives the service one.
    const known = service.addresses.filter((address) => address.network === network).map(({ ip }) => ip);
    if (isSameBasis(known, given)) return [];
    const theirs = service.addresses.filter((address) => address.network !== network);
    return [{ ...service, addresses: [...given.map((ip) => ({ network, ip })), ...theirs] }];
  });
  if (moved.length === 0) return view;
  const next = new Map(services);
  for (const service of moved) next.set(service.key, service);
  return { ...view, services: next };
}
