/**
 * What a peer proved, over the life of a connection: judged when it is made, and again with every new revocation list and
 * every change of the trust bundles.
 */
import type { Revocations } from '../../identity/revocation.js';
import type { Proven } from '../../identity/trust.js';
import type { WorkloadCertificate } from '../../identity/types.js';
import { Fault } from '../../wire/faults.js';
import { parseSpiffeId } from '../../wire/spiffe.js';
import type { PeerProof } from './peer-proof.js';

export function revokedFault(peer: string, reason: string): Fault {
  return new Fault('CERT_REVOKED', `connection closed: peer certificate revoked by CRL: ${reason} (${peer})`);
}

/** As the trust bundles ask for it. `certificate` is ours, whose TLS context verified the peer. */
export function provenBy(peerIdentity: string, { chain }: PeerProof, { roots }: WorkloadCertificate): Proven {
  return { trustDomain: parseSpiffeId(peerIdentity)?.trustDomain ?? '', chain, verifiedBy: roots };
}

export interface Guarded {
  /** The peer in messages. */
  readonly peer: string;
  readonly peerIdentity: string;
  readonly proof: PeerProof;
  /** Ours. */
  readonly certificate: WorkloadCertificate;
  readonly revocations: Revocations | undefined;
  /** When it is gone. */
  readonly closed: Promise<unknown>;
  /** Called at most once. */
  onLost(fault: Fault): void;
}

/** Watches an open connection until it is closed. Also looks once: things may have changed while it was made. */
export function guardPeer({ peer, peerIdentity, proof, certificate, revocations, closed, onLost }: Guarded): void {
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
    certificate.trust?.watch(provenBy(peerIdentity, proof, certificate), distrust),
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
