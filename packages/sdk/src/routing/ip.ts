/** Questions routing asks about addresses, on the canonical text that the registry and the indexes use. */
import { canonicalIp, ipInBlock, parseIp } from '../wire/ip.js';

const MAPPED = '::ffff:';

/**
 * Canonical text of any legal writing; undefined when the text is no address. IPv4-mapped IPv6 comes out as IPv4, as in
 * ztunnel, because dual-stack sockets report IPv4 peers that way and one host must have one key.
 */
export function plainIp(text: string): string | undefined {
  const ip = canonicalIp(text);
  return ip?.startsWith(MAPPED) && ip.includes('.') ? ip.slice(MAPPED.length) : ip;
}

export function ipFamily(ip: string): 'ipv4' | 'ipv6' {
  return ip.includes(':') ? 'ipv6' : 'ipv4';
}

export function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.');
}

/** Whether the address lies in the block; addresses of different families never do. */
export function inBlock(ip: string, block: { readonly ip: string; readonly length: number }): boolean {
  const address = parseIp(plainIp(ip) ?? '');
  const base = parseIp(block.ip);
  return address !== undefined && base !== undefined && ipInBlock(address, base, block.length);
}
