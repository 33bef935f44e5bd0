/**
 * Certificates as `/config_dump` shows them, in ztunnel's shape; and, where the control plane has told it, which roots vouch
 * for which trust domain. Keys cannot appear: nothing here ever holds one.
 */
import { X509Certificate } from 'node:crypto';
import type { CertificateStatus, TrustBundles } from '@isthmus/sdk/identity';

const STATE = { initializing: 'Initializing', available: 'Available', unavailable: 'Unavailable' } as const;

export function dumpCertificate({ identity, state, reason, certificate }: CertificateStatus): Record<string, unknown> {
  return {
    identity,
    state: reason === undefined ? STATE[state] : `${STATE[state]}: ${reason}`,
    certChain: (certificate?.chain ?? []).map(dumpPem),
    rootCerts: (certificate?.roots ?? []).map(dumpPem),
    ...(certificate?.trust?.bundles && { trustBundles: dumpBundles(certificate.trust.bundles) }),
  };
}

/** Serial numbers of the roots, by trust domain. */
function dumpBundles(bundles: TrustBundles): Record<string, readonly string[]> {
  return Object.fromEntries([...bundles].map(([domain, pems]) => [domain, pems.map(serialOf)]));
}

function serialOf(pem: string): string {
  return BigInt(`0x${new X509Certificate(pem).serialNumber}`).toString();
}

function dumpPem(pem: string): Record<string, unknown> {
  const { validFrom, validTo } = new X509Certificate(pem);
  return {
    pem: Buffer.from(pem).toString('base64'),
    serialNumber: serialOf(pem),
    validFrom: seconds(validFrom),
    expirationTime: seconds(validTo),
  };
}

/** RFC 3339 without fractions. */
function seconds(date: string): string {
  return new Date(date).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
