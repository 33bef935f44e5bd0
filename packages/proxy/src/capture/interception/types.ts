/** Where a connection was going before the kernel led it to this proxy. */
import type { Socket } from 'node:net';
import { plainIp, type SocketAddress } from '@isthmus/sdk/routing';

export type OriginalDestination =
  | { readonly kind: 'found'; readonly address: SocketAddress }
  /** Nobody can tell: the connection is refused, since any guess could be another workload. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** Asked once per connection, right after it was accepted; never rejects. */
export type FindOriginal = (socket: Socket) => OriginalDestination | Promise<OriginalDestination>;

/** The address the socket was accepted on. */
export function acceptedOn(socket: Socket): SocketAddress | undefined {
  const { localAddress = '', localPort } = socket;
  const host = plainIp(localAddress);
  return host === undefined || localPort === undefined ? undefined : { host, port: localPort };
}
