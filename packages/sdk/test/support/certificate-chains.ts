/** Chains with an intermediate, which the test authority of the package does not make. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

export interface Issuer {
  readonly pem: string;
  /** An authority under this one. `ca: false` makes one that must not sign. */
  intermediate(options?: { readonly ca?: boolean; readonly notAfter?: Date }): Promise<Issuer>;
  /** A revocation list (PEM) with these serial numbers. */
  revoke(serialNumbers: readonly string[]): Promise<string>;
  /** Certifies the key of a PKCS#10 request (PEM) for an identity. */
  sign(csr: string, identity: string): Promise<string>;
}

export async function createRoot(name: string): Promise<Issuer> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    ...validity(),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return issuer(certificate, keys.privateKey);
}

function issuer(own: x509.X509Certificate, signingKey: webcrypto.CryptoKey): Issuer {
  const create = async (
    publicKey: x509.PublicKeyType,
    subject: string,
    extensions: x509.Extension[],
    { notBefore, notAfter } = validity(),
  ) =>
    x509.X509CertificateGenerator.create({
      serialNumber: '0a',
      subject,
      issuer: own.subject,
      notBefore,
      notAfter,
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey,
      extensions,
    });
  return {
    pem: pem(own),
    async intermediate({ ca = true, notAfter = validity().notAfter } = {}) {
      const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
      const constraints = [new x509.BasicConstraintsExtension(ca, undefined, true)];
      const name = `CN=under ${own.subject.slice(3)}`;
      return issuer(await create(keys.publicKey, name, constraints, { ...validity(), notAfter }), keys.privateKey);
    },
    async revoke(serialNumbers) {
      const list = await x509.X509CrlGenerator.create({
        issuer: own.subject,
        thisUpdate: validity().notBefore,
        nextUpdate: validity().notAfter,
        entries: serialNumbers.map((serialNumber) => ({ serialNumber, revocationDate: validity().notBefore })),
        signingAlgorithm: ALGORITHM,
        signingKey,
      });
      return `${x509.PemConverter.encode(list.rawData, 'X509 CRL')}\n`;
    },
    async sign(csr, identity) {
      const { publicKey } = new x509.Pkcs10CertificateRequest(csr);
      const names = new x509.SubjectAlternativeNameExtension([{ type: 'url', value: identity }], true);
      return pem(await create(publicKey, '', [names]));
    },
  };
}

function validity() {
  return { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
