/**
 * `struct sockaddr_in` and `sockaddr_in6` as Linux writes them into a socket option: family in the byte order of the
 * machine, port and address in network order. Pure. IPv4-mapped IPv6 comes out as IPv4, as ztunnel canonicalises it.
 */
import { endianness } from 'node:os';
import { plainIp, type SocketAddress } from '@isthmus/sdk/routing';
import { formatIp } from '@isthmus/sdk/wire';

/** Room for the larger of the two. */
export const SOCKADDR_BYTES = 28;

const AF_INET = 2;
const AF_INET6 = 10;

/** Undefined for another family and for what is too short to be one of the two. */
export function readSocketAddress(bytes: Buffer, order = endianness()): SocketAddress | undefined {
  if (bytes.length < 8) return undefined;
  const family = order === 'LE' ? bytes.readUInt16LE(0) : bytes.readUInt16BE(0);
  const port = bytes.readUInt16BE(2);
  if (family === AF_INET) return addressOf(bytes.subarray(4, 8), port);
  return family === AF_INET6 && bytes.length >= 24 ? addressOf(bytes.subarray(8, 24), port) : undefined;
}

function addressOf(bytes: Buffer, port: number): SocketAddress | undefined {
  const host = plainIp(formatIp(bytes) ?? '');
  return host === undefined ? undefined : { host, port };
}
