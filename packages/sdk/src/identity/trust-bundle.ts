/** Trust anchors as they come from a CA: PEM, several in one text, not all of them readable perhaps. */
import { X509Certificate } from 'node:crypto';

export interface TrustBundle {
  /** One certificate each. */
  readonly pem: readonly string[];
  /** Entries that could not be read; left out, as in ztunnel, so that one bad root does not take the others along. */
  readonly unreadable: number;
  /** Whether the certificate is an anchor, or directly issued by one. */
  anchors(certificate: X509Certificate): boolean;
  /** Whether the certificate is one of them. */
  contains(certificate: X509Certificate): boolean;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, one per element, each ending in a newline. */
export function splitPem(text: string): readonly string[] {
  return Array.from(text.matchAll(PEM_CERTIFICATE), ([pem]) => `${pem}\n`);
}

export function parseTrustBundle(text: string): TrustBundle {
  const blocks = splitPem(text);
  const roots = blocks.flatMap((pem) => {
    const certificate = tryParse(pem);
    return certificate ? [{ pem, certificate }] : [];
  });
  const contains = (certificate: X509Certificate) =>
    roots.some(({ certificate: root }) => root.fingerprint256 === certificate.fingerprint256);
  return {
    pem: roots.map(({ pem }) => pem),
    unreadable: blocks.length - roots.length,
    contains,
    anchors: (certificate) => contains(certificate) || roots.some(({ certificate: root }) => issued(root, certificate)),
  };
}

/** Names match and the signature verifies; only certificates that may sign count. */
export function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function tryParse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
