/**
 * The header of the PROXY protocol, version 2 (haproxy's proxy-protocol.txt), by which an application that asked for it
 * learns who opened a connection and where it was going. Byte for byte ztunnel's, with one field more: the name that was
 * asked for, which Istio's API describes and ztunnel leaves out. Pure. Its
 * length fits its field: a SPIFFE id has at most 2,048 bytes (SPIFFE-ID section 2.3), a name 253.
 */
import { isIPv4 } from 'node:net';
import { plainIp, type SocketAddress } from '@isthmus/sdk/routing';
import { parseIp } from '@isthmus/sdk/wire';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const VERSION_2_PROXY = 0x21;
const FAMILY = { none: 0x01, ipv4: 0x11, ipv6: 0x21 } as const;

/** Types of the range that is free for applications (section 2.2 of the protocol), as Istio assigned them. */
export const TLV = { peerIdentity: 0xd0, hostname: 0xd1 } as const;

export interface ProxyHeader {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  /** SPIFFE URI of the verified peer. */
  readonly peerIdentity: string;
  readonly hostname?: string | undefined;
}

export function proxyProtocolHeader({ source, destination, peerIdentity, hostname }: ProxyHeader): Buffer {
  const addresses = addressBlock(source, destination);
  const tlvs = [tlv(TLV.peerIdentity, peerIdentity), ...(hostname === undefined ? [] : [tlv(TLV.hostname, hostname)])];
  const rest = Buffer.concat([addresses.bytes, ...tlvs]);
  const fixed = Buffer.alloc(4);
  fixed.writeUInt8(VERSION_2_PROXY, 0);
  fixed.writeUInt8(addresses.family, 1);
  fixed.writeUInt16BE(rest.length, 2);
  return Buffer.concat([SIGNATURE, fixed, rest]);
}

/** The protocol has no pair of different families; then it carries none (as ztunnel), and the fields behind it all the same. */
function addressBlock(source: SocketAddress, destination: SocketAddress): { family: number; bytes: Buffer } {
  const from = plainIp(source.host) ?? '';
  const to = plainIp(destination.host) ?? '';
  const fromBytes = parseIp(from);
  const toBytes = parseIp(to);
  if (!fromBytes || !toBytes || fromBytes.length !== toBytes.length) {
    return { family: FAMILY.none, bytes: Buffer.alloc(0) };
  }
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  return { family: isIPv4(from) ? FAMILY.ipv4 : FAMILY.ipv6, bytes: Buffer.concat([fromBytes, toBytes, ports]) };
}

function tlv(type: number, text: string): Buffer {
  const value = Buffer.from(text);
  const head = Buffer.alloc(3);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}
