/**
 * Who is at the other end of a received tunnel: what its certificate proves, what the registry knows about that very
 * workload, what it says about itself.
 *
 * The registry is asked by (network, address), and believed only when the record's identity is the one proven: pod
 * addresses of different networks overlap, and what comes through a gateway comes from the gateway's address. A wrong
 * workload in the metrics is worse than an unknown one.
 */
import type { Snapshot, Workload } from '../discovery/model.js';
import { mergePeer } from '../peer/precedence.js';
import type { Peer, PeerMetadata } from '../peer/types.js';
import { identityOf } from './identities.js';
import { plainIp } from './ip.js';
import { isFromAnotherNetwork } from './networks.js';

export interface SourceFacts {
  /** Own network. */
  readonly network: string;
  /** Value of `x-forwarded-network`. */
  readonly forwardedNetwork?: string | undefined;
  /** As the socket tells it; IPv4-mapped IPv6 is understood. */
  readonly remoteIp: string;
  /** SPIFFE URI of the verified client certificate. */
  readonly certificateIdentity: string;
  /** The request's baggage; leave it out when baggage exchange is off. */
  readonly baggage?: PeerMetadata | undefined;
}

export function sourcePeerOf(snapshot: Snapshot, facts: SourceFacts): Peer {
  const { certificateIdentity: certificate, baggage } = facts;
  return mergePeer({ certificate, registry: recordOf(snapshot, facts), baggage });
}

function recordOf(snapshot: Snapshot, facts: SourceFacts): Workload | undefined {
  if (isFromAnotherNetwork(facts.forwardedNetwork, facts.network)) return undefined;
  const found = snapshot.workloadsByAddress(facts.network, plainIp(facts.remoteIp) ?? facts.remoteIp);
  return found.find((workload) => identityOf(workload) === facts.certificateIdentity);
}
