/** Blocks of addresses that are ours to give, and what others say of addresses in them. Texts are canonical. */
import { ipInBlock, maskIp, parseIp } from '@isthmus/sdk/wire';
import type { ServiceRecord } from '../model/index.js';
import type { VipBlock } from '../vip-blocks.js';

/** An address, or a block of them. */
export type Place = ServiceRecord['addresses'][number];

/** A block of IPv6 is used as far as its first 2^32 addresses. */
const MAX_SLOTS = 2 ** 32;

/** The addresses that can be given, counted from 0: neither the first nor the last, the one names the network, the other means everybody on it. */
export interface Slots {
  /** The first address of the block. */
  readonly start: Uint8Array;
  readonly size: number;
}

/** Both ends included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export function slotsOf({ ip, length }: VipBlock): Slots {
  const start = maskIp(bytesOf(ip), length);
  return { start, size: Math.min(2 ** (start.length * 8 - length), MAX_SLOTS) - 2 };
}

export function addressAt({ start }: Slots, slot: number): Uint8Array {
  const address = Buffer.from(start);
  address.writeUInt32BE(address.readUInt32BE(address.length - 4) + 1 + slot, address.length - 4);
  return address;
}

/** Whether all of it lies in one of the blocks. What reaches beyond is not meant for it: the longer prefix counts. */
export function liesWithin(blocks: readonly VipBlock[], { ip, length }: Place): boolean {
  if (blocks.length === 0) return false;
  const bytes = bytesOf(ip);
  const bits = length ?? bytes.length * 8;
  return blocks.some((block) => bits >= block.length && ipInBlock(bytes, bytesOf(block.ip), block.length));
}

/** The slots that the place takes up, which lies within the block; undefined when it takes none. */
export function slotsTaken({ start, size }: Slots, { ip, length }: Place): Range | undefined {
  const bytes = bytesOf(ip);
  const base = length === undefined ? bytes : maskIp(bytes, length);
  const offset = Number(numberOf(base) - numberOf(start)) - 1;
  const count = length === undefined ? 1 : 2 ** (bytes.length * 8 - length);
  const range = { from: Math.max(0, offset), to: Math.min(size, offset + count) - 1 };
  return range.from <= range.to ? range : undefined;
}

function bytesOf(ip: string): Uint8Array {
  return parseIp(ip) ?? new Uint8Array(4);
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}
