/**
 * Who the other end is, when several sources speak about it. Per field: what its verified certificate proves, then the
 * registry's record of that very workload, then its own claim. A source that is silent about a field erases nothing.
 *
 * Refuses to derive a principal from anything but a certificate: registry and baggage describe, they do not prove.
 */
import type { Workload } from '../discovery/model.js';
import { parseSpiffeId } from '../wire/spiffe.js';
import { metadataOf } from './metadata.js';
import type { Peer, PeerMetadata } from './types.js';

export interface PeerSources {
  /** SPIFFE URI of the verified certificate. */
  readonly certificate?: string | undefined;
  /** The record of the workload at the other end; of nothing that merely stands on the way or for its network. */
  readonly registry?: Workload | undefined;
  /** What the peer says about itself. */
  readonly baggage?: PeerMetadata | undefined;
}

/** A baggage namespace that contradicts the certificate loses: only the namespace is proven, the rest stays a claim. */
export function mergePeer({ certificate, registry, baggage }: PeerSources): Peer {
  const proven = certificate === undefined ? undefined : parseSpiffeId(certificate);
  return {
    ...baggage,
    ...(registry && metadataOf(registry)),
    ...(proven && { namespace: proven.namespace }),
    ...(certificate !== undefined && certificate !== '' && { principal: certificate }),
  };
}
