/** Signing requests as proxies make them. */
import { createPrivateKey, webcrypto } from 'node:crypto';
import * as x509 from '../../src/ca/x509.js';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface MadeRequest {
  readonly csr: string;
  /** PKCS#8, PEM. */
  readonly key: string;
}

/** `names` are what the requester would like; a CA that listens to them is broken. */
export async function makeRequest(
  names: x509.JsonGeneralNames = [],
  algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams = ECDSA,
): Promise<MadeRequest> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: algorithm as typeof ECDSA,
    extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
  return { csr: request.toString('pem'), key };
}
