/**
 * One set of certificates for a group of processes: the head's manager asks the CA, the keeper remembers what was issued
 * as long as the manager does, and workers make their own TLS contexts of it. Bound: one entry per identity of a local
 * workload. Nothing here is ever logged or dumped.
 */
import { createPrivateKey } from 'node:crypto';
import {
  type CertificateManager,
  type CertificateSource,
  type IssuedCredential,
  readIssuedChain,
  type Trust,
  type WorkloadCertificate,
} from '@isthmus/sdk/identity';
import type { Clock, TlsPolicy } from '@isthmus/sdk/runtime';
import { Fault } from '@isthmus/sdk/wire';

/** An issued certificate as it travels to a worker. */
export interface WireCredential {
  readonly identity: string;
  readonly elements: readonly string[];
  /** PKCS#8, DER. */
  readonly key: Uint8Array;
}

export interface CredentialKeeper {
  /** For `CertificateManagerInit.onIssued`. */
  issued(credential: IssuedCredential): void;
  forget(identity: string): void;
  get(identity: string): WireCredential | undefined;
  all(): readonly WireCredential[];
  /** Hears of every certificate issued and of every identity forgotten. At most one listener: the group. */
  listen(listener: CredentialListener): void;
}

export interface CredentialListener {
  issued(credential: WireCredential): void;
  forgotten(identity: string): void;
}

export function createCredentialKeeper(): CredentialKeeper {
  const kept = new Map<string, WireCredential>();
  let heard: CredentialListener | undefined;
  return {
    issued({ identity, elements, privateKey }) {
      const credential = { identity, elements, key: privateKey.export({ type: 'pkcs8', format: 'der' }) };
      kept.set(identity, credential);
      heard?.issued(credential);
    },
    forget(identity) {
      if (kept.delete(identity)) heard?.forgotten(identity);
    },
    get: (identity) => kept.get(identity),
    all: () => [...kept.values()],
    listen(listener) {
      heard = listener;
    },
  };
}

/** Has the manager issue what is not there yet; rejects with its reason. */
export async function credentialOf(
  identity: string,
  manager: Pick<CertificateManager, 'certificate'>,
  keeper: Pick<CredentialKeeper, 'get'>,
): Promise<WireCredential> {
  await manager.certificate(identity);
  const credential = keeper.get(identity);
  if (!credential) throw new Fault('IDENTITY_UNAVAILABLE', `certificate of ${identity}: no longer kept`);
  return credential;
}

/** The worker's side. */
export interface HeldCertificates extends CertificateSource {
  accept(credential: WireCredential): void;
  forget(identity: string): void;
}

export interface HeldInit {
  readonly clock: Clock;
  /** Whose roots count for whom. When it changes, certificates are made anew. */
  readonly trust: Trust;
  /** What connections with the certificates may use. */
  readonly tls: TlsPolicy;
  /** Asks the head. */
  ask(identity: string): Promise<WireCredential>;
}

export function createHeldCertificates({ clock, tls, trust, ask }: HeldInit): HeldCertificates {
  const held = new Map<string, WorkloadCertificate>();
  /** What they were made of. */
  const credentials = new Map<string, WireCredential>();
  const asked = new Map<string, Promise<WorkloadCertificate>>();

  function accept(credential: WireCredential): WorkloadCertificate {
    const { identity, elements, key } = credential;
    const privateKey = createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
    const certificate = readIssuedChain(identity, { elements, privateKey }, clock.now(), { tls, trust });
    held.set(identity, certificate);
    credentials.set(identity, credential);
    return certificate;
  }

  trust.onChanged(() => {
    for (const credential of credentials.values()) {
      // One that has expired meanwhile is made by nobody any more.
      if ((held.get(credential.identity)?.notAfter ?? 0) > clock.now()) accept(credential);
    }
  });

  return {
    async certificate(identity) {
      const current = held.get(identity);
      if (current && current.notAfter > clock.now()) return current;
      // Whoever asks meanwhile waits for the same answer.
      const pending =
        asked.get(identity) ??
        ask(identity)
          .then(accept)
          .finally(() => asked.delete(identity));
      asked.set(identity, pending);
      return pending;
    },
    held: () =>
      [...held.values()].map((certificate) => ({ identity: certificate.identity, state: 'available', certificate })),
    accept: (credential) => void accept(credential),
    forget(identity) {
      held.delete(identity);
      credentials.delete(identity);
    },
  };
}
