/** The roots in force, and how far each is known: what a rotation goes by. */
import { X509Certificate } from 'node:crypto';
import { splitPem } from '@isthmus/sdk/identity';
import type { CaMaterial } from './cacerts.js';
import { fingerprintOf } from './certificates.js';
import type { Ledger, RootLedger } from './ledger.js';
import type { TrustFollower } from './trust-service.js';

export interface RootStatus extends RootLedger {
  /** SHA-256, lower case hexadecimal. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly notAfter: Date;
  /** Certificates are signed below it now. */
  readonly signs: boolean;
  /** Proxies that follow the trust bundles and were sent it. Those that do not follow learn of it with a certificate. */
  readonly followers: number;
}

export interface RootStatusInput {
  readonly material: CaMaterial;
  readonly trustDomain: string;
  readonly followers: readonly TrustFollower[];
  readonly ledger: Ledger;
}

export function rootStatuses(input: RootStatusInput): readonly RootStatus[] {
  const { material, trustDomain, followers, ledger } = input;
  return splitPem(material.roots).map((pem) => {
    const { subject, validTo } = new X509Certificate(pem);
    const fingerprint = fingerprintOf(pem);
    return {
      fingerprint,
      subject: subject.replaceAll('\n', ', '),
      notAfter: new Date(validTo),
      signs: fingerprint === material.anchor,
      followers: followers.filter(({ told }) => told?.get(trustDomain)?.includes(pem)).length,
      ...ledger.of(fingerprint),
    };
  });
}
