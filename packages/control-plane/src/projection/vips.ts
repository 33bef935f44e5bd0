/**
 * Addresses for services that only other networks have. Applications connect to addresses, and none of theirs means anything
 * on the viewer's network; so each is given one out of a range that nothing else uses (Istio gives ServiceEntries theirs out
 * of 240.240.0.0/16, too).
 *
 * An address follows from the services that need one and from nothing else: every replica and every restart gives the same.
 * A service takes the first free address from where the hash of its key points to, lower hashes first. So another service can
 * move it only by taking that very address: of 1,000 services in 65,534 addresses, about 8 stand that close to another.
 * Bounded by the range; services beyond it have none and are reached by name.
 */
import { createHash } from 'node:crypto';
import { parseIp } from '@isthmus/sdk/wire';
import { isSameBasis, type VipRange } from '../model/index.js';
import type { MergedService } from './merge.js';
import type { Allocation, NamespaceView } from './types.js';

/** Whether nobody on the network gives the service an address, and its owner has one for it: headless services have none. */
export function needsVip({ base, parts }: MergedService, network: string): boolean {
  return base.addresses.length > 0 && parts.every(({ cluster }) => cluster.network !== network);
}

/** The previous one, itself, while the same services need an address. */
export function allocateVips(
  range: VipRange | undefined,
  views: Iterable<NamespaceView>,
  previous: Allocation | undefined,
): Allocation {
  const keys = [...views].flatMap(({ strangers = [] }) => strangers);
  if (previous && isSameBasis(previous.keys, keys) && isSameRange(previous.range, range)) return previous;
  return { range, keys, vips: range ? vipsOf(range, keys) : new Map() };
}

function isSameRange(a: VipRange | undefined, b: VipRange | undefined): boolean {
  return a?.ip === b?.ip && a?.length === b?.length;
}

export function vipsOf({ ip, length }: VipRange, keys: readonly string[]): ReadonlyMap<string, string> {
  const block = 2 ** (32 - length);
  const address = Buffer.from(parseIp(ip) ?? []).readUInt32BE();
  const base = address - (address % block);
  // Neither the first nor the last address: the one names the network, the other means everybody on it.
  const size = block - 2;
  const ranked = keys.map((key) => ({ key, hash: createHash('sha256').update(key).digest() }));
  ranked.sort((a, b) => Buffer.compare(a.hash, b.hash));
  const taken = new Set<number>();
  const vips = new Map<string, string>();
  for (const { key, hash } of ranked.slice(0, size)) {
    let slot = hash.readUInt32BE() % size;
    while (taken.has(slot)) slot = (slot + 1) % size;
    taken.add(slot);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(base + 1 + slot);
    vips.set(key, [...bytes].join('.'));
  }
  return vips;
}

/** With the addresses allocated; the same object when it has them already. */
export function withVips(view: NamespaceView, network: string, { vips }: Allocation): NamespaceView {
  const { strangers = [], services } = view;
  const moved = strangers.flatMap((key) => {
    const service = services.get(key);
    if (!service) return [];
    const vip = vips.get(key);
    // Of this network it has no other: nobody on it knows the service.
    if (service.addresses.find((address) => address.network === network)?.ip === vip) return [];
    const theirs = service.addresses.filter((address) => address.network !== network);
    return [{ ...service, addresses: vip === undefined ? theirs : [{ network, ip: vip }, ...theirs] }];
  });
  if (moved.length === 0) return view;
  const next = new Map(services);
  for (const service of moved) next.set(service.key, service);
  return { ...view, services: next };
}
