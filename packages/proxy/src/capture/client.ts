/** The address of a client, as telemetry and pool keys write it. */
import type { Socket } from 'node:net';
import { formatSocketAddress } from '@isthmus/sdk/routing';

export function clientOf(socket: Socket): { readonly clientAddress: string; readonly clientIp: string } {
  // Both are undefined when the client left before we looked.
  const clientIp = plain(socket.remoteAddress ?? '0.0.0.0');
  return { clientIp, clientAddress: formatSocketAddress(clientIp, socket.remotePort ?? 0) };
}

/** Dual-stack sockets report IPv4 clients as mapped addresses. */
function plain(ip: string): string {
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip;
}
