/**
 * Certificate revocation lists: which certificates of a chain their issuers have taken back.
 *
 * As in ztunnel: every certificate of the chain is looked up, an issuer without a list takes nothing back, and a list is
 * used beyond its `nextUpdate`. A list counts only for the issuer whose key signed it. Not read: delta and indirect lists.
 */
import 'reflect-metadata';
import type { X509Certificate } from 'node:crypto';
import { X509Certificate as ReadCertificate, X509Crl } from '@peculiar/x509';

/** What connections ask. */
export interface Revocations {
  /** Why the chain (leaf first, its root last) is not to be believed; undefined when it is. Never rejects. */
  check(chain: readonly X509Certificate[]): Promise<string | undefined>;
  /** Tells, at most once, when lists that came later revoke the chain. Returns how to stop that. */
  watch(chain: readonly X509Certificate[], onRevoked: (reason: string) => void): () => void;
}

export interface RevocationList {
  /** Of the issuer, as `@peculiar/x509` prints it; for messages. */
  readonly issuer: string;
  readonly entries: number;
  /** Whether `certificate`, which `issuer` issued, is on the list and the list is `issuer`'s. */
  revokes(certificate: X509Certificate, issuer: X509Certificate): Promise<boolean>;
}

/** The short label is an old one (RFC 7468 section 6). */
const PEM_CRL = /-----BEGIN (?:X509 )?CRL-----([^-]+)-----END (?:X509 )?CRL-----/g;

/**
 * The lists of a file: PEM (blocks of another kind are passed over) or one DER. An empty file holds none. Throws when a
 * list cannot be read: half of what was taken back is not to be believed in.
 */
export function parseRevocationLists(file: Uint8Array): readonly RevocationList[] {
  if (file.length === 0) return [];
  const text = Buffer.from(file).toString('latin1');
  if (text.includes('-----BEGIN') || text.trim() === '') {
    return Array.from(text.matchAll(PEM_CRL), ([, base64]) => createList(Buffer.from(base64 ?? '', 'base64')));
  }
  return [createList(file)];
}

function createList(der: Uint8Array): RevocationList {
  const crl = new X509Crl(new Uint8Array(der));
  // Every list has one (RFC 5280 section 5.1.2.5). Of one without, the parser silently drops the entries.
  if (!crl.nextUpdate) throw new Error(`the revocation list of ${crl.issuer} has no nextUpdate`);
  const serials = new Set(crl.entries.map(({ serialNumber }) => canonicalSerial(serialNumber)));
  /** By fingerprint of the issuer: a signature is verified once. */
  const signers = new Map<string, Promise<boolean>>();

  function isSignedBy(issuer: X509Certificate): Promise<boolean> {
    const known = signers.get(issuer.fingerprint256);
    if (known) return known;
    const verdict = isFrom(crl, new ReadCertificate(new Uint8Array(issuer.raw)));
    signers.set(issuer.fingerprint256, verdict);
    return verdict;
  }

  return {
    issuer: crl.issuer,
    entries: serials.size,
    async revokes(certificate, issuer) {
      return serials.has(canonicalSerial(certificate.serialNumber)) && (await isSignedBy(issuer));
    },
  };
}

async function isFrom(crl: X509Crl, issuer: ReadCertificate): Promise<boolean> {
  if (crl.issuer !== issuer.subject) return false;
  // It throws when the list was signed with an algorithm that the issuer's key is not made for.
  return crl.verify({ publicKey: issuer.publicKey }).catch(() => false);
}

/** Never rejects. Of a certificate whose issuer follows it in the chain; a root, which nobody issued, is not looked up. */
export async function findRevoked(
  lists: readonly RevocationList[],
  chain: readonly X509Certificate[],
): Promise<string | undefined> {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1];
    if (!issuer) break;
    const serial = certificate.serialNumber.toLowerCase();
    for (const list of lists) {
      try {
        if (await list.revokes(certificate, issuer)) {
          return `certificate ${serial} is on the revocation list of ${list.issuer}`;
        }
      } catch (error) {
        // An issuer that OpenSSL reads and this does not: what cannot be looked up is not believed.
        const reason = error instanceof Error ? error.message : String(error);
        return `certificate ${serial} cannot be looked up in the revocation list of ${list.issuer}: ${reason}`;
      }
    }
  }
  return undefined;
}

/** Node prints serial numbers in upper case, other libraries with the zero byte of a positive DER integer. */
function canonicalSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}
