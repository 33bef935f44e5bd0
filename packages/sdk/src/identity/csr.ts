/**
 * A fresh key and the request to certify it. ECDSA P-256 and one critical URI SAN with no subject, as ztunnel asks; a new
 * key for every request, so that a stolen one is worth no more than one certificate's life.
 */
import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';

export interface SigningRequest {
  /** PKCS#10, PEM. */
  readonly csr: string;
  /** Opaque: printing or serialising it shows no key material. */
  readonly privateKey: KeyObject;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** `identity` is a SPIFFE URI. */
export async function createSigningRequest(identity: string): Promise<SigningRequest> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: ALGORITHM,
    // Critical, because there is no subject (RFC 5280 section 4.2.1.6).
    extensions: [new SubjectAlternativeNameExtension([{ type: 'url', value: identity }], true)],
  });
  return { csr: `${request.toString('pem')}\n`, privateKey: KeyObject.from(keys.privateKey) };
}
