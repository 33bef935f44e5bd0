/** One hop of a pooled tunnel, and what makes connections for it interchangeable. */
import type { WorkloadCertificate } from '../../identity/types.js';
import type { HopAddress } from '../types.js';

/** As whom, to where, and who must be there. */
export interface PoolHop {
  readonly source: WorkloadCertificate;
  /** SPIFFE URIs, any of which the peer may prove. */
  readonly expected: readonly string[];
  readonly address: HopAddress;
  /** The address of this host to dial from; part of what makes connections interchangeable. */
  readonly localAddress?: string;
  /** IP of the client on whose behalf the connection is opened: its traffic shares connections with nobody else's. */
  readonly clientIp: string;
}

/**
 * Our certificate is not in it (the pool adds it), who we are is. A peer whose name is taken off the expected ones is not
 * met again: with the list the key changes.
 */
export function hopKey({ source, expected, address: { host, port }, clientIp, localAddress }: PoolHop): string {
  return JSON.stringify([source.identity, [...expected].sort(), host, port, clientIp, localAddress]);
}
