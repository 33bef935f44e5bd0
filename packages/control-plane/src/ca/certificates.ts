/** What all certificates made here have in common. */
import { createPublicKey, type KeyObject, X509Certificate as NodeCertificate, randomBytes } from 'node:crypto';
import { algorithmOf, toSigningKey } from './keys.js';
import * as x509 from './x509.js';

/** Clocks of a mesh differ a little; a certificate must be valid where it arrives (istiod's value). */
export const BACKDATE_MS = 2 * 60_000;

/** Sixteen random bytes; the first bit is cleared because serial numbers are positive (RFC 5280 section 4.1.2.2). */
export function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}

/** SHA-256 of the certificate, lower case hexadecimal. */
export function fingerprintOf(pem: string): string {
  return new NodeCertificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}

/** Whether it is one certificate, and of a CA. */
export function isCaCertificate(pem: string): boolean {
  try {
    return new NodeCertificate(pem).ca;
  } catch {
    return false;
  }
}

export function toPem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem').trimEnd()}\n`;
}

export function publicKeyDer(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

export interface Signer {
  readonly certificate: x509.X509Certificate;
  readonly key: KeyObject;
}

export interface SignInit {
  readonly signer: Signer;
  readonly publicKey: x509.PublicKeyType;
  /** Absent: empty, and the names of the certificate are its alternative names only. */
  readonly subject?: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly x509.Extension[];
}

/** Signs; a certificate never outlives the one that signed it, because no peer would accept it by then. */
export async function signCertificate(init: SignInit): Promise<x509.X509Certificate> {
  const { signer, publicKey, subject, notBefore, notAfter, extensions } = init;
  return x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    ...(subject === undefined ? {} : { subject }),
    issuer: signer.certificate.subjectName,
    notBefore,
    notAfter: new Date(Math.min(notAfter.getTime(), signer.certificate.notAfter.getTime())),
    signingAlgorithm: algorithmOf(signer.key),
    publicKey,
    signingKey: await toSigningKey(signer.key),
    extensions: [...extensions, await x509.AuthorityKeyIdentifierExtension.create(signer.certificate.publicKey)],
  });
}
