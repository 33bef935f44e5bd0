/** The address of a client, as telemetry and pool keys write it. */
import type { Socket } from 'node:net';
import { formatSocketAddress, plainIp } from '@isthmus/sdk/routing';

export function clientOf(socket: Socket): { readonly clientAddress: string; readonly clientIp: string } {
  // Both are undefined when the client left before we looked. Dual-stack sockets report IPv4 clients as mapped addresses.
  const clientIp = plainIp(socket.remoteAddress ?? '') ?? '0.0.0.0';
  return { clientIp, clientAddress: formatSocketAddress(clientIp, socket.remotePort ?? 0) };
}
