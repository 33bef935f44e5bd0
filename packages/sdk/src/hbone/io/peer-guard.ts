/**
 * What a peer proved, over the life of a connection: judged when it is made, and again with every new revocation list and
 * every change of the trust bundles.
 */
import type { Revocations } from '../../identity/revocation.js';
import type { Proven } from '../../identity/trust.js';
import type { WorkloadCertificate } from '../../identity/types.js';
import type { Clock } from '../../runtime/clock.js';
import { Fault } from '../../wire/faults.js';
import { parseSpiffeId } from '../../wire/spiffe.js';
import type { PeerProof } from './peer-proof.js';

export function revokedFault(peer: string, reason: string): Fault {
  return new Fault('CERT_REVOKED', `connection closed: peer certificate revoked by CRL: ${reason} (${peer})`);
}

/** Who a peer is. */
export interface Judged {
  /** SPIFFE URI, of the names that are proved. */
  readonly peerIdentity: string;
  readonly proof: PeerProof;
}

/** As the trust bundles ask for it. `certificate` is ours, whose TLS context verified the peer; `at` is when. */
export function provenBy({ peerIdentity, proof }: Judged, { roots }: WorkloadCertificate, at: number): Proven {
  const trustDomain = parseSpiffeId(peerIdentity)?.trustDomain ?? '';
  return { trustDomain, chain: proof.chain, at, verifiedBy: roots };
}

export interface Guarded extends Judged {
  /** The peer in messages. */
  readonly peer: string;
  /** Ours. */
  readonly certificate: WorkloadCertificate;
  readonly clock: Clock;
  readonly revocations: Revocations | undefined;
  /** When it is gone. */
  readonly closed: Promise<unknown>;
  /** Called at most once. */
  onLost(fault: Fault): void;
}

/** Watches an open connection until it is closed. Also looks once: things may have changed while it was made. */
export function guardPeer(guarded: Guarded): void {
  const { peer, peerIdentity, proof, certificate, clock, revocations, closed, onLost } = guarded;
  let isDone = false;
  const lose = (fault: Fault) => {
    if (isDone) return;
    isDone = true;
    onLost(fault);
  };
  const revoke = (reason: string) => lose(revokedFault(peer, reason));
  const distrust = (reason: string) =>
    lose(new Fault('TLS_FAILURE', `connection closed: ${peer} is ${peerIdentity}, and ${reason} any more`));
  const stops = [
    certificate.trust?.watch(provenBy(guarded, certificate, clock.now()), distrust),
    revocations?.watch(proof.chain(), revoke),
  ];
  void closed.then(() => {
    isDone = true;
    for (const stop of stops) stop?.();
  });
  void revocations?.check(proof.chain()).then((reason) => {
    if (reason !== undefined) revoke(reason);
  });
}
