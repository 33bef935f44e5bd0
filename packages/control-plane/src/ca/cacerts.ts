/**
 * Istio's layout of a plugged-in CA: `ca-cert.pem` signs with `ca-key.pem`, `cert-chain.pem` leads from it to one of
 * the trust anchors in `root-cert.pem`. Everything that can be wrong with the four files is found here, before
 * anything is signed.
 */
import { X509Certificate as NodeCertificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publicKeyDer, type Signer, splitPem } from './certificates.js';
import { isReadableByOthers, readPrivateKey } from './keys.js';
import * as x509 from './x509.js';

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
  const [signingPem] = splitPem(certificatePem);
  const roots = splitPem(rootsPem);
  const chain = splitPem(chainPem).filter((pem) => !roots.includes(pem));
  if (!signingPem) throw new Error(`${file('certificate')} holds no PEM certificate`);
  if (roots.length === 0) throw new Error(`${file('roots')} holds no PEM certificate`);
  const intermediates = roots.includes(signingPem) ? [] : chain.includes(signingPem) ? chain : [signingPem, ...chain];
  const problems = findProblems({ signingPem, intermediates, roots, key: publicKeyDer(key), now });
  if (problems.length > 0) throw new Error(`the CA in ${directory} cannot be used: ${problems.join('; ')}`);
  const warnings = (await isReadableByOthers(file('key'))) ? [`${file('key')} is readable by others; chmod 600`] : [];
  return { certificate: new x509.X509Certificate(signingPem), key, intermediates, roots: roots.join(''), warnings };
}

interface Facts {
  readonly signingPem: string;
  readonly intermediates: readonly string[];
  readonly roots: readonly string[];
  /** SPKI of the private key. */
  readonly key: Buffer;
  readonly now: number;
}

function findProblems({ signingPem, intermediates, roots, key, now }: Facts): readonly string[] {
  const signing = new NodeCertificate(signingPem);
  const problems: string[] = [];
  if (!signing.publicKey.export({ type: 'spki', format: 'der' }).equals(key)) {
    problems.push(`${CACERTS.key} is not the key of ${CACERTS.certificate}`);
  }
  if (!signing.ca) problems.push(`${CACERTS.certificate} is not a CA certificate`);
  if (Date.parse(signing.validTo) <= now) problems.push(`${CACERTS.certificate} expired on ${signing.validTo}`);
  if (Date.parse(signing.validFrom) > now)
    problems.push(`${CACERTS.certificate} is not valid before ${signing.validFrom}`);
  const anchors = roots.map((pem) => new NodeCertificate(pem));
  const path = [signing, ...intermediates.filter((pem) => pem !== signingPem).map((pem) => new NodeCertificate(pem))];
  const isLinked = path.every((certificate, index) => {
    const next = path[index + 1];
    return next ? signedBy(certificate, next) : anchors.some((anchor) => signedBy(certificate, anchor));
  });
  if (!isLinked)
    problems.push(`${CACERTS.certificate} and ${CACERTS.chain} do not lead to a certificate in ${CACERTS.roots}`);
  return problems;
}

function signedBy(certificate: NodeCertificate, issuer: NodeCertificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
