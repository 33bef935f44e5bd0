/**
 * By what a control plane is known to its peers: one SPIFFE id per cluster, in a certificate whose chain ends at the
 * roots that were exchanged for that very cluster. Roots of one peer vouch for no other.
 */
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { spiffeUrisOf, splitPem } from '@isthmus/sdk/identity';
import { formatSpiffeId, parseSpiffeId } from '@isthmus/sdk/wire';

const NAMESPACE = 'istio-system';
const ACCOUNT_PREFIX = 'isthmus-control-plane.';
/** From a leaf to its root; Istio's guides use two below the root. */
const MAX_CHAIN = 5;

export function controlPlaneIdentity(trustDomain: string, cluster: string): string {
  return formatSpiffeId({ trustDomain, namespace: NAMESPACE, serviceAccount: `${ACCOUNT_PREFIX}${cluster}` });
}

/** The cluster whose control plane the certificate says it is; undefined when it says nothing of the sort. */
export function claimedCluster(certificate: PeerCertificate): string | undefined {
  const [identity, ...others] = spiffeUrisOf(certificate.subjectaltname);
  const id = identity === undefined || others.length > 0 ? undefined : parseSpiffeId(identity);
  if (id?.namespace !== NAMESPACE || !id.serviceAccount.startsWith(ACCOUNT_PREFIX)) return undefined;
  return id.serviceAccount.slice(ACCOUNT_PREFIX.length);
}

/** For a certificate whose chain TLS has verified: undefined when it states exactly that identity. */
export function checkIdentity(expected: string, { subjectaltname }: PeerCertificate): Error | undefined {
  const found = spiffeUrisOf(subjectaltname);
  if (found.length === 1 && found[0] === expected) return undefined;
  return new Error(`it proves ${found.join(', ') || 'no SPIFFE id'}, expected ${expected}`);
}

/**
 * Whether the chain from that certificate ends at one of these roots. TLS has verified it already, but against the roots
 * of all peers together; `intermediates` is what the peer says besides, and need not be believed: every signature is
 * checked.
 */
export function endsAt(roots: string, leaf: Buffer, intermediates: readonly Buffer[], now: number): boolean {
  try {
    const anchors = splitPem(roots).map((pem) => new X509Certificate(pem));
    const links = intermediates.slice(0, MAX_CHAIN).map((der) => new X509Certificate(der));
    let current: X509Certificate | undefined = new X509Certificate(leaf);
    for (let depth = 0; current && depth <= MAX_CHAIN; depth += 1) {
      const subject: X509Certificate = current;
      if (!isInForce(subject, now)) return false;
      if (anchors.some((anchor) => isInForce(anchor, now) && issued(anchor, subject))) return true;
      current = links.find((link) => issued(link, subject));
    }
    return false;
  } catch {
    // Bytes of a stranger that are no certificate prove nothing.
    return false;
  }
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isInForce({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) <= now && now < Date.parse(validTo);
}

/** SHA-256 of each certificate, lower case hexadecimal. */
export function fingerprintsOf(roots: string): readonly string[] {
  return splitPem(roots).map((pem) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase());
}
