/**
 * What a waypoint makes of a CONNECT, before it is answered: which destination is meant, who calls, what to expect inside.
 * Pure. L4 policy comes after it, because it outlives the answer (`policy/guard.ts`).
 */
import type { AppProtocol, Snapshot, Workload } from '@isthmus/sdk/discovery';
import type { Peer, PeerMetadata } from '@isthmus/sdk/peer';
import { isFromAnotherNetwork, planWaypoint, sourcePeerOf, type WaypointDestination } from '@isthmus/sdk/routing';
import type { FaultCode } from '@isthmus/sdk/wire';
import type { HttpVersion } from './exchange.js';

export interface ConnectFacts {
  /** The waypoint's own record; absent while the control plane has not sent it. */
  readonly self: Workload | undefined;
  /** Own network. */
  readonly network: string;
  /** The CONNECT's, as received. */
  readonly authority: string | undefined;
  /** SPIFFE URI of the verified client. */
  readonly peerIdentity: string;
  readonly remoteIp: string;
  /** Value of `x-forwarded-network`. */
  readonly forwardedNetwork: string | undefined;
  /** What the source says about itself; absent when metadata is not exchanged. */
  readonly baggage: PeerMetadata | undefined;
}

/** What the port says the tunnel carries; `sniff` when it does not. Which version of HTTP it is the client's preface tells. */
export type Inside = HttpVersion | 'tcp' | 'sniff';

export interface Refused {
  readonly kind: 'refuse';
  readonly code: FaultCode;
  readonly reason: string;
}

export interface Accepted {
  readonly kind: 'accept';
  readonly self: Workload;
  readonly destination: WaypointDestination;
  readonly inside: Inside;
  /** One object for the whole tunnel: telemetry finds labels by its identity. */
  readonly source: Peer;
  /** What came from another network is never sent to one again. */
  readonly arrival: 'local' | 'remote-network';
}

const INSIDE: Readonly<Record<AppProtocol, Inside>> = {
  http11: 'http1',
  http2: 'http2',
  grpc: 'http2',
  tcp: 'tcp',
  tls: 'tcp',
  unknown: 'sniff',
};

export function decideConnect(snapshot: Snapshot, facts: ConnectFacts): Accepted | Refused {
  const { self, network, authority } = facts;
  if (self === undefined) {
    const reason = 'the control plane has not sent the record of this waypoint yet';
    return { kind: 'refuse', code: 'LOCAL_WORKLOAD_UNKNOWN', reason };
  }
  const destination = planWaypoint(snapshot, { waypoint: self, network, authority });
  if (destination.kind === 'refuse') return { kind: 'refuse', code: destination.fault, reason: destination.reason };
  const source = sourcePeerOf(snapshot, {
    network,
    forwardedNetwork: facts.forwardedNetwork,
    remoteIp: facts.remoteIp,
    certificateIdentity: facts.peerIdentity,
    baggage: facts.baggage,
  });
  return {
    kind: 'accept',
    self,
    destination,
    source,
    // A workload addressed directly has no service port to tell; its port may carry anything.
    inside: destination.kind === 'service' ? INSIDE[destination.servicePort.appProtocol] : 'sniff',
    arrival: isFromAnotherNetwork(facts.forwardedNetwork, network) ? 'remote-network' : 'local',
  };
}
