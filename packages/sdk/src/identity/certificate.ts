/**
 * A CA's answer -> a certificate that can be used. Everything a peer would find wrong is found here first, where the
 * reason can be told: another identity, another key, a chain that does not end at the roots, a life that is over.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { DEFAULT_TLS_POLICY, type TlsPolicy } from '../runtime/tls-policy.js';
import { parseSpiffeId } from '../wire/spiffe.js';
import { spiffeUrisOf } from './spiffe-san.js';
import { workloadTls } from './tls-parameters.js';
import { anchorsOf, type PeerTrust } from './trust.js';
import { issued, parseTrustBundle, splitPem, type TrustBundle } from './trust-bundle.js';
import type { WorkloadCertificate } from './types.js';

export interface IssuedChain {
  /** PEM elements as CreateCertificate returns them: leaf, intermediates, and last the trust anchors in one element. */
  readonly elements: readonly string[];
  readonly privateKey: KeyObject;
}

/** What connections with a certificate are held to. */
export interface CertificateTerms {
  /** Whose roots count for whom. Default: the roots in the answer, for everybody. */
  readonly trust?: PeerTrust | undefined;
  /** Default: `DEFAULT_TLS_POLICY`. */
  readonly tls?: TlsPolicy | undefined;
}

/**
 * Throws an Error that says what is wrong with the answer. `now` in milliseconds since the epoch. With `trust`, peers are
 * verified by its bundles as they are now, as soon as there are any, and not by the roots of the answer.
 */
export function readIssuedChain(
  identity: string,
  issuedChain: IssuedChain,
  now: number,
  { trust: peers, tls = DEFAULT_TLS_POLICY }: CertificateTerms = {},
): WorkloadCertificate {
  const { elements, privateKey } = issuedChain;
  const [leafPem, ...intermediatePems] = elements.slice(0, -1).flatMap(splitPem);
  const trust = parseTrustBundle(elements.at(-1) ?? '');
  if (leafPem === undefined) {
    throw new Error(`the answer has ${elements.length} elements; a leaf first and the roots last are needed`);
  }
  if (trust.pem.length === 0) throw new Error('the last element of the answer, the roots, holds no certificate');
  const leaf = new X509Certificate(leafPem);
  const intermediates = intermediatePems.map((pem) => new X509Certificate(pem));
  checkLeaf(leaf, identity, privateKey);
  checkChain([leaf, ...intermediates], trust, now);
  const chain = [leafPem, ...intermediatePems];
  const roots = peers?.bundles ? anchorsOf(peers.bundles) : trust.pem;
  return Object.freeze({
    identity,
    trustDomain: parseSpiffeId(identity)?.trustDomain ?? '',
    chain,
    roots,
    ...(peers && { trust: peers }),
    serialNumber: leaf.serialNumber.toLowerCase(),
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
    secureContext: createSecureContext({
      ...workloadTls(tls),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: chain.join(''),
      ca: [...roots],
    }),
  });
}

function checkLeaf(leaf: X509Certificate, identity: string, privateKey: KeyObject): void {
  const stated = spiffeUrisOf(leaf.subjectAltName)[0];
  if (stated !== identity) throw new Error(`the certificate is for ${stated ?? 'no workload'}, not for ${identity}`);
  if (!leaf.checkPrivateKey(privateKey)) throw new Error('the certificate is for another key than the one requested');
}

/** Each issued by the next, the last by an anchor. TLS would find out later, and would only say "unknown CA". */
function checkChain(chain: readonly X509Certificate[], trust: TrustBundle, now: number): void {
  chain.forEach((certificate, index) => {
    const position = index === 0 ? 'the certificate' : `intermediate ${index}`;
    if (Date.parse(certificate.validTo) <= now) throw new Error(`${position} expired at ${certificate.validTo}`);
    const issuer = chain[index + 1];
    if (issuer ? !issued(issuer, certificate) : !trust.anchors(certificate)) {
      throw new Error(
        `${position} is not issued by ${issuer ? `intermediate ${index + 1}` : 'any root in the answer'}`,
      );
    }
  });
}
