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
import { canonicalIp, formatIp, parseIp } from '@isthmus/sdk/wire';
import { isSameBasis } from '../model/index.js';
import type { VipBlock } from '../vip-blocks.js';
import type { Families } from './families.js';
import type { MergedService } from './merge.js';
import type { Allocation, NamespaceView } from './types.js';

/**
 * Whether nobody on the network gives the service an address though one would be of use. A headless Service of the own network
 * has its pods; where the client's own choice of address counts (resolution NONE, a wildcard), one of ours would be wrong.
 */
export function needsVip({ base, parts }: MergedService, network: string): boolean {
  const near = parts.filter(({ cluster }) => cluster.network === network);
  if (near.some(({ record }) => record.addresses.length > 0)) return false;
  if (base.loadBalancing?.mode === 'passthrough' || base.hostname.startsWith('*')) return false;
  return near.every(({ record }) => !record.canonical && !record.staysWithoutAddress);
}

/** Addresses of ServiceEntries on the network: where they lie in the blocks, they are taken. */
export function takenBy(services: readonly Service[], network: string): readonly string[] {
  return services.flatMap(({ canonical, addresses }) =>
    canonical ? [] : addresses.filter((each) => each.network === network).map(({ ip }) => ip),
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
  const given = blocks.map((block) => vipsOf(block, keys, new Set(taken)));
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

/** A block of IPv6 is used as far as its first 2^32 addresses. */
const MAX_SLOTS = 2 ** 32;

export function vipsOf(
  { ip, length }: VipBlock,
  keys: readonly string[],
  taken: ReadonlySet<string> = new Set(),
): ReadonlyMap<string, string> {
  const start = baseOf(ip, length);
  // Neither the first nor the last address: the one names the network, the other means everybody on it.
  const size = Math.min(2 ** (start.length * 8 - length), MAX_SLOTS) - 2;
  const used = new Set([...taken].flatMap((each) => slotOf(start, length, each) ?? []));
  const ranked = keys.map((key) => ({ key, hash: createHash('sha256').update(key).digest() }));
  ranked.sort((a, b) => Buffer.compare(a.hash, b.hash));
  const vips = new Map<string, string>();
  for (const { key, hash } of ranked) {
    if (used.size >= size) break;
    let slot = hash.readUInt32BE() % size;
    while (used.has(slot)) slot = (slot + 1) % size;
    used.add(slot);
    const address = Buffer.from(start);
    address.writeUInt32BE(start.readUInt32BE(start.length - 4) + 1 + slot, start.length - 4);
    vips.set(key, formatIp(address) ?? '');
  }
  return vips;
}

/** The first address of the block. */
function baseOf(ip: string, length: number): Buffer {
  return Buffer.from((parseIp(ip) ?? new Uint8Array(4)).map((byte, index) => byte & maskOf(length - index * 8)));
}

function maskOf(bits: number): number {
  return bits >= 8 ? 0xff : bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}

/** Where in the block the address is that somebody else has; undefined when it is outside. */
function slotOf(start: Buffer, length: number, ip: string): number | undefined {
  const bytes = Buffer.from(parseIp(canonicalIp(ip) ?? '') ?? []);
  if (bytes.length !== start.length) return undefined;
  const isInside = bytes.every((byte, index) => (byte & maskOf(length - index * 8)) === start[index]);
  const offset = bytes.readUInt32BE(bytes.length - 4) - start.readUInt32BE(start.length - 4) - 1;
  return isInside && offset >= 0 ? offset : undefined;
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
