/**
 * Whether a connection may go on to where it was going: pure. What was going to the proxy itself is refused, or the proxy
 * would connect to itself for as long as it has descriptors.
 */
import { formatSocketAddress, type SocketAddress } from '@isthmus/sdk/routing';
import { type FaultCode, ILLEGAL_PORTS } from '@isthmus/sdk/wire';
import type { OriginalDestination } from './types.js';

export type Destination =
  | { readonly kind: 'go'; readonly address: SocketAddress }
  | { readonly kind: 'refuse'; readonly fault: FaultCode; readonly reason: string };

export interface AcceptedBy {
  /** The address of this end, as the socket tells it. */
  readonly accepted: SocketAddress | undefined;
  /** The port the listener is bound to. */
  readonly listenerPort: number;
}

export function judge(original: OriginalDestination, { accepted, listenerPort }: AcceptedBy): Destination {
  if (original.kind === 'unknown') {
    return { kind: 'refuse', fault: 'UNKNOWN_DESTINATION', reason: `original destination unknown: ${original.reason}` };
  }
  const { host, port } = original.address;
  const name = formatSocketAddress(host, port);
  if (port === listenerPort && host === accepted?.host) {
    return recursive(`${name} is this very listener: the connection was not redirected to it`);
  }
  if (ILLEGAL_PORTS.has(port) && (host === accepted?.host || isLoopback(host))) {
    return recursive(`${name} is a port of the proxy itself`);
  }
  return { kind: 'go', address: original.address };
}

function recursive(reason: string): Destination {
  return { kind: 'refuse', fault: 'RECURSIVE_CALL', reason };
}

function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1';
}
