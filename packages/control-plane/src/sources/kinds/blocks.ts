/** Addresses and CIDR blocks in objects. */
import { isIP } from 'node:net';
import { string } from '../../schema/index.js';

export interface Block {
  readonly ip: string;
  /** Absent for a plain address. */
  readonly length?: number;
}

/** `10.0.0.0/8`, `::1`; undefined when it is neither an address nor a block. */
export function parseBlock(text: string): Block | undefined {
  const [ip = '', prefix, ...rest] = text.split('/');
  const family = isIP(ip);
  if (family === 0 || ip.includes('%') || rest.length > 0) return undefined;
  if (prefix === undefined) return { ip };
  const length = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  return length <= (family === 4 ? 32 : 128) ? { ip, length } : undefined;
}

export const cidrOrIp = string({
  type: 'IP address | CIDR block',
  test: (text) => parseBlock(text) !== undefined,
  expected: 'an IP address or a CIDR block such as 10.0.0.0/8',
});
