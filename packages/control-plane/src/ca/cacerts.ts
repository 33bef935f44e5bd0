/**
 * Istio's layout of a plugged-in CA: `ca-cert.pem` signs with `ca-key.pem`, `cert-chain.pem` leads from it to one of
 * the trust anchors in `root-cert.pem`. Everything that can be wrong with the four files is found here, before
 * anything is signed.
 */
import { X509Certificate as NodeCertificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { splitPem } from '@isthmus/sdk/identity';
import { fingerprintOf, publicKeyDer, type Signer } from './certificates.js';
import { isReadableByOthers, readPrivateKey } from './keys.js';
import * as x509 from './x509.js';

/** A CA or root that ends so soon is told of: a rotation takes as long as certificates live. */
const EXPIRY_WARNING_MS = 30 * 86_400_000;

export const CACERTS = {
  certificate: 'ca-cert.pem',
  key: 'ca-key.pem',
  chain: 'cert-chain.pem',
  roots: 'root-cert.pem',
} as const;

export interface CaMaterial extends Signer {
  /** From the signing certificate towards a root, without the root; PEM. Empty when a root signs itself. */
  readonly intermediates: readonly string[];
  /** Trust anchors, PEM, concatenated. */
  readonly roots: string;
  /** SHA-256 of each root. */
  readonly fingerprints: readonly string[];
  /** The one of them that the signing certificate leads to. */
  readonly anchor: string;
  /** What works but should not be so. */
  readonly warnings: readonly string[];
}

/** Rejects with one error that lists all problems. */
export async function loadCacerts(directory: string, now: number): Promise<CaMaterial> {
  const file = (name: keyof typeof CACERTS) => join(directory, CACERTS[name]);
  const read = (name: keyof typeof CACERTS) => readFile(file(name), 'utf8');
  const [certificatePem, chainPem, rootsPem, key] = await Promise.all([
    read('certificate'),
    read('chain'),
    read('roots'),
    readPrivateKey(file('key')),
  ]).catch((error: Error) => {
    throw new Error(
      `the CA directory ${directory} is not complete: ${error.message}. "isthmus-control-plane cacerts" makes one.`,
    );
  });
  const certificates = { certificate: certificatePem, chain: chainPem, roots: rootsPem } as const;
  const parse = (name: keyof typeof certificates) => readCertificates(file(name), certificates[name]);
  const [signing] = parse('certificate');
  const roots = parse('roots');
  if (!signing) throw new Error(`${file('certificate')} holds no PEM certificate`);
  if (roots.length === 0) throw new Error(`${file('roots')} holds no PEM certificate`);
  const isKnown = (list: readonly NodeCertificate[], { fingerprint256 }: NodeCertificate) =>
    list.some((each) => each.fingerprint256 === fingerprint256);
  const above = parse('chain').filter((each) => !isKnown(roots, each) && !isKnown([signing], each));
  const path = [signing, ...above];
  const anchor = findAnchor(path, roots);
  const facts = { signing, anchor, key: publicKeyDer(key), now };
  const problems = findProblems(facts);
  if (!anchor || problems.length > 0) throw new Error(`the CA in ${directory} cannot be used: ${problems.join('; ')}`);
  return {
    certificate: new x509.X509Certificate(signing.toString()),
    key,
    intermediates: isKnown(roots, signing) ? [] : path.map(String),
    roots: roots.map(String).join(''),
    fingerprints: roots.map((root) => fingerprintOf(root.toString())),
    anchor: fingerprintOf(anchor.toString()),
    warnings: await findWarnings(file('key'), [signing, ...roots], now),
  };
}

/** As OpenSSL writes them, so that the same one is the same text wherever it stands. */
function readCertificates(file: string, text: string): readonly NodeCertificate[] {
  return splitPem(text).map((pem, index) => {
    try {
      return new NodeCertificate(pem);
    } catch {
      throw new Error(`certificate ${index + 1} of ${file} cannot be read; is it cut off?`);
    }
  });
}

/** Each signed by the next, the last by a root, or a root that signs itself. */
function findAnchor(path: readonly NodeCertificate[], roots: readonly NodeCertificate[]): NodeCertificate | undefined {
  const last = path.at(-1);
  const isLinked = path.every((certificate, index) => {
    const next = path[index + 1];
    return !next || signedBy(certificate, next);
  });
  if (!last || !isLinked) return undefined;
  return roots.find((root) => signedBy(last, root));
}

interface Facts {
  readonly signing: NodeCertificate;
  readonly anchor: NodeCertificate | undefined;
  /** SPKI of the private key. */
  readonly key: Buffer;
  readonly now: number;
}

function findProblems({ signing, anchor, key, now }: Facts): readonly string[] {
  const problems: string[] = [];
  if (!signing.publicKey.export({ type: 'spki', format: 'der' }).equals(key)) {
    problems.push(`${CACERTS.key} is not the key of ${CACERTS.certificate}`);
  }
  if (!signing.ca) problems.push(`${CACERTS.certificate} is not a CA certificate`);
  if (Date.parse(signing.validTo) <= now) problems.push(`${CACERTS.certificate} expired on ${signing.validTo}`);
  if (Date.parse(signing.validFrom) > now)
    problems.push(`${CACERTS.certificate} is not valid before ${signing.validFrom}`);
  if (!anchor)
    problems.push(`${CACERTS.certificate} and ${CACERTS.chain} do not lead to a certificate in ${CACERTS.roots}`);
  return problems;
}

async function findWarnings(
  keyFile: string,
  certificates: readonly NodeCertificate[],
  now: number,
): Promise<readonly string[]> {
  const ending = certificates.filter(({ validTo }) => Date.parse(validTo) - now < EXPIRY_WARNING_MS);
  return [
    ...((await isReadableByOthers(keyFile)) ? [`${keyFile} is readable by others; chmod 600`] : []),
    ...ending.map(
      ({ subject, validTo }) =>
        `${subject.replaceAll('\n', ', ')} ends on ${validTo}; see "cacerts --help" on rotation`,
    ),
  ];
}

function signedBy(certificate: NodeCertificate, issuer: NodeCertificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
