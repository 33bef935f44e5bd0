/** Revocation lists over the life of a connection: checked when it is made, and again with every new list. */
import type { X509Certificate } from 'node:crypto';
import type { Revocations } from '../../identity/revocation.js';
import { Fault } from '../../wire/faults.js';

export function revokedFault(peer: string, reason: string): Fault {
  return new Fault('CERT_REVOKED', `connection closed: peer certificate revoked by CRL: ${reason} (${peer})`);
}

export interface Guarded {
  /** The peer in messages. */
  readonly peer: string;
  readonly chain: readonly X509Certificate[];
  /** When it is gone. */
  readonly closed: Promise<unknown>;
  /** Called at most once. */
  onRevoked(fault: Fault): void;
}

/** Watches an open connection until it is closed. Also looks once: a list may have come while it was made. */
export function guardAgainstRevocation(revocations: Revocations, { peer, chain, closed, onRevoked }: Guarded): void {
  let isDone = false;
  const revoke = (reason: string) => {
    if (isDone) return;
    isDone = true;
    onRevoked(revokedFault(peer, reason));
  };
  const stop = revocations.watch(chain, revoke);
  void closed.then(() => {
    isDone = true;
    stop();
  });
  void revocations.check(chain).then((reason) => {
    if (reason !== undefined) revoke(reason);
  });
}
