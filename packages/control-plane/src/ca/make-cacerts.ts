/**
 * Makes a root and, below it, one intermediate CA per cluster: clusters that share a root trust each other's
 * workloads.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACERTS } from './cacerts.js';
import { BACKDATE_MS, publicKeyDer, type Signer, serialNumber, signCertificate, toPem } from './certificates.js';
import { algorithmOf, generateKey, readPrivateKey, toSigningKey, writePrivateKey } from './keys.js';
import * as x509 from './x509.js';

const DAY_MS = 86_400_000;
/** Istio's life of a self-signed root, and of the intermediates of its sample Makefile. */
const ROOT_LIFE_MS = 3650 * DAY_MS;
const INTERMEDIATE_LIFE_MS = 730 * DAY_MS;

export const ROOT_FILES = { certificate: 'root-cert.pem', key: 'root-key.pem' } as const;

export interface MakeCacertsInit {
  /** Made when it does not exist; files in it are never overwritten. */
  readonly out: string;
  /** Where the root is, or is made. Its key is needed for further clusters only and belongs offline. */
  readonly root: string;
  readonly cluster: string;
  readonly trustDomain: string;
  readonly now: number;
}

export interface MadeCacerts {
  readonly root: 'made' | 'reused';
  readonly notAfter: Date;
}

export async function makeCacerts({ out, root, cluster, trustDomain, now }: MakeCacertsInit): Promise<MadeCacerts> {
  const existing = await readRoot(root);
  const signer = existing ?? (await makeRoot(root, trustDomain, now));
  const { certificate, key } = await makeIntermediate({ signer, cluster, trustDomain, now });
  await mkdir(out, { recursive: true, mode: 0o700 });
  // The key first: it is the file that refuses to be overwritten.
  await writePrivateKey(join(out, CACERTS.key), key);
  const rootPem = toPem(signer.certificate);
  await writeFile(join(out, CACERTS.certificate), toPem(certificate));
  await writeFile(join(out, CACERTS.chain), toPem(certificate) + rootPem);
  await writeFile(join(out, CACERTS.roots), rootPem);
  return { root: existing ? 'reused' : 'made', notAfter: certificate.notAfter };
}

export interface MakeIntermediateInit extends Pick<MakeCacertsInit, 'cluster' | 'trustDomain' | 'now'> {
  readonly signer: Signer;
}

/** With a key of its own. */
export async function makeIntermediate({ signer, cluster, trustDomain, now }: MakeIntermediateInit): Promise<Signer> {
  const key = generateKey();
  const certificate = await signCertificate({
    signer,
    publicKey: await importPublicKey(publicKeyDer(key)),
    subject: `O=${trustDomain}, CN=Intermediate CA of ${cluster}`,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + INTERMEDIATE_LIFE_MS),
    extensions: [
      ...(await caExtensions(publicKeyDer(key), 0)),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
    ],
  });
  return { certificate, key };
}

/** Undefined when there is no root yet; half a root is an error. */
export async function readRoot(directory: string): Promise<Signer | undefined> {
  let pem: string;
  try {
    pem = await readFile(join(directory, ROOT_FILES.certificate), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return { certificate: new x509.X509Certificate(pem), key: await readPrivateKey(join(directory, ROOT_FILES.key)) };
}

export async function makeRoot(directory: string, trustDomain: string, now: number): Promise<Signer> {
  const key = generateKey();
  const der = publicKeyDer(key);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `O=${trustDomain}, CN=Root CA`,
    issuer: `O=${trustDomain}, CN=Root CA`,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + ROOT_LIFE_MS),
    signingAlgorithm: algorithmOf(key),
    publicKey: await importPublicKey(der),
    signingKey: await toSigningKey(key),
    extensions: await caExtensions(der),
  });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writePrivateKey(join(directory, ROOT_FILES.key), key);
  await writeFile(join(directory, ROOT_FILES.certificate), toPem(certificate));
  return { certificate, key };
}

async function caExtensions(publicKey: Buffer, pathLength?: number): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(await importPublicKey(publicKey)),
  ];
}

async function importPublicKey(der: Buffer): Promise<x509.PublicKey> {
  return new x509.PublicKey(der);
}
