/**
 * IP addresses between bytes (as protobuf carries them) and text (as everything else does). Text is canonical: dotted
 * decimal, or RFC 5952 for IPv6, so that equal addresses are equal strings. Zone indices are refused: they mean
 * something on one host only.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** Canonical text of 4 or 16 bytes; undefined for any other length. */
export function formatIp(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.');
  return bytes.length === 16 ? formatIpv6(bytes) : undefined;
}

/** 4 or 16 bytes; undefined when the text is not an IP address. */
export function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  return isIPv6(text) && !text.includes('%') ? parseIpv6(text) : undefined;
}

/** The same address in canonical text; undefined when it is not one. */
export function canonicalIp(text: string): string | undefined {
  // Node takes dotted decimal without leading zeros only, which is canonical already.
  if (isIPv4(text)) return text;
  const bytes = parseIp(text);
  return bytes && formatIp(bytes);
}

/** The address with all bits after the first `length` cleared. */
export function maskIp(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, length - index * 8));
    return byte & (0xff << (8 - kept));
  });
}

/** Whether `ip` lies in the block `base`/`length`. Addresses of different families never match. */
export function ipInBlock(ip: Uint8Array, base: Uint8Array, length: number): boolean {
  if (ip.length !== base.length) return false;
  const wholeBytes = length >> 3;
  for (let index = 0; index < wholeBytes; index++) {
    if (ip[index] !== base[index]) return false;
  }
  const restBits = length & 7;
  if (restBits === 0) return true;
  const mask = 0xff << (8 - restBits);
  return ((ip[wholeBytes] ?? 0) & mask) === ((base[wholeBytes] ?? 0) & mask);
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return `::ffff:${bytes.subarray(12).join('.')}`;
  const { start, length } = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  // RFC 5952 section 4.2.2: a single zero group is not shortened.
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** The first of the longest runs (RFC 5952 section 4.2.3). */
function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let runStart = 0;
  for (let index = 0; index <= groups.length; index++) {
    if (groups[index] === 0) continue;
    if (index - runStart > best.length) best = { start: runStart, length: index - runStart };
    runStart = index + 1;
  }
  return best;
}

/** `text` is valid IPv6 without zone, with a dotted tail perhaps. */
function parseIpv6(text: string): Uint8Array {
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const bytes = new Uint8Array(16);
  bytes.set(left, 0);
  bytes.set(right, 16 - right.length);
  return bytes;
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
