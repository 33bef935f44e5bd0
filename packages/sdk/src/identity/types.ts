import type { SecureContext } from 'node:tls';
import type { PeerTrust } from './trust.js';

/** A workload's certificate, ready for use by both ends of mTLS. The private key lives only inside `secureContext`. */
export interface WorkloadCertificate {
  /** SPIFFE URI of the leaf. */
  readonly identity: string;
  readonly trustDomain: string;
  /** Leaf first, then intermediates; PEM. */
  readonly chain: readonly string[];
  /** Trust anchors that TLS verifies peers against: of all trust domains that are trusted, or as they came with it; PEM. */
  readonly roots: readonly string[];
  /** Which of them vouch for which trust domain. Absent: each for every one. */
  readonly trust?: PeerTrust;
  readonly serialNumber: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Key, chain and roots; TLS 1.3 only. */
  readonly secureContext: SecureContext;
}

/** Asks for certificates and keeps them fresh. */
export interface CertificateSource {
  /**
   * The current certificate of that identity, fetched on first use. Rejects with a `Fault` `IDENTITY_UNAVAILABLE` that
   * carries the CA's reason; a later call tries again under back-off.
   */
  certificate(identity: string): Promise<WorkloadCertificate>;
  /** What is held now, for admin dumps; never a key. */
  held(): readonly CertificateStatus[];
}

export interface CertificateStatus {
  readonly identity: string;
  readonly state: 'initializing' | 'available' | 'unavailable';
  readonly reason?: string;
  readonly certificate?: WorkloadCertificate;
}
