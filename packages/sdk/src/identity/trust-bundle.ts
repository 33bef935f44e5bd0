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
  /**
   * The anchor that a chain (leaf first) leads to; undefined when it leads to none. What follows the leaf need not be in
   * order nor be believed: every signature is checked, and that it is valid at `now`, in milliseconds since the epoch.
   */
  anchorOf(chain: readonly X509Certificate[], now: number): X509Certificate | undefined;
}

/** A peer chooses what it sends along; chains of meshes have three or four. */
const MAX_LINKS = 16;

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
    anchorOf: ([leaf, ...rest], now) => {
      const links = rest.slice(0, MAX_LINKS).filter((link) => isValidAt(now, link));
      return anchorOf(
        leaf,
        links,
        roots.map(({ certificate }) => certificate),
      );
    },
  };
}

function anchorOf(
  leaf: X509Certificate | undefined,
  links: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): X509Certificate | undefined {
  let current = leaf;
  for (let depth = 0; current && depth <= links.length; depth += 1) {
    const subject: X509Certificate = current;
    const anchor = roots.find((root) => issued(root, subject));
    if (anchor) return anchor;
    current = links.find((link) => link !== subject && issued(link, subject));
  }
  return undefined;
}

function isValidAt(now: number, { validFrom, validTo }: X509Certificate): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}

/** DER certificates one after the other, as SPIFFE's messages carry a bundle, from PEM. */
export function bundleToDer(pems: readonly string[]): Uint8Array {
  return Buffer.concat(pems.map((pem) => new X509Certificate(pem).raw));
}

/** The other way round. Throws when the bytes are anything else than whole certificates, or none at all. */
export function bundleFromDer(bytes: Uint8Array): readonly string[] {
  const pems: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + derLength(bytes, at);
    pems.push(new X509Certificate(bytes.subarray(at, end)).toString());
    at = end;
  }
  if (pems.length === 0) throw new Error('the bundle is empty');
  return pems;
}

/** Of the SEQUENCE that begins there, with its header (X.690 section 8.1.3). */
function derLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 1] ?? 0;
  const size = first < 0x80 ? 0 : first & 0x7f;
  const length = size === 0 ? first : bytes.subarray(at + 2, at + 2 + size).reduce((sum, byte) => sum * 256 + byte, 0);
  const whole = 2 + size + length;
  if (bytes[at] !== 0x30 || first === 0x80 || size > 3 || at + whole > bytes.length)
    throw new Error('the bundle is not a sequence of DER certificates');
  return whole;
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
