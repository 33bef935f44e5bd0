/** Certificates as `/config_dump` shows them, in ztunnel's shape. Keys cannot appear: nothing here ever holds one. */
import { X509Certificate } from 'node:crypto';
import type { CertificateStatus } from '@isthmus/sdk/identity';

const STATE = { initializing: 'Initializing', available: 'Available', unavailable: 'Unavailable' } as const;

export function dumpCertificate({ identity, state, reason, certificate }: CertificateStatus): Record<string, unknown> {
  return {
    identity,
    state: reason === undefined ? STATE[state] : `${STATE[state]}: ${reason}`,
    certChain: (certificate?.chain ?? []).map(dumpPem),
    rootCerts: (certificate?.roots ?? []).map(dumpPem),
  };
}

function dumpPem(pem: string): Record<string, unknown> {
  const { serialNumber, validFrom, validTo } = new X509Certificate(pem);
  return {
    pem: Buffer.from(pem).toString('base64'),
    serialNumber: BigInt(`0x${serialNumber}`).toString(),
    validFrom: seconds(validFrom),
    expirationTime: seconds(validTo),
  };
}

/** RFC 3339 without fractions. */
function seconds(date: string): string {
  return new Date(date).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
