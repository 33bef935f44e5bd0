/**
 * A certificate authority for tests: real X.509, ECDSA P-256, leaves as istiod and ztunnel expect them (SPIFFE URI SAN,
 * server and client usage, no subject). Keys live in memory only. Not for production: it asks nobody who they are.
 */
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { WORKLOAD_TLS } from '../identity/tls-parameters.js';
import type { WorkloadCertificate } from '../identity/types.js';
import { parseSpiffeId } from '../wire/spiffe.js';

export interface TestAuthorityInit {
  /** Default `cluster.local`. */
  readonly trustDomain?: string;
  /** The moment certificates are counted from, in milliseconds since the epoch. Default the real now. */
  readonly now?: () => number;
}

export interface IssueOptions {
  /** Default one hour ago. */
  readonly notBefore?: Date;
  /** Default a day from now. */
  readonly notAfter?: Date;
  /** Further PEM roots the holder trusts, for tests of two authorities. */
  readonly extraRoots?: readonly string[];
  /** Default `WORKLOAD_TLS`. */
  readonly tls?: Readonly<SecureContextOptions>;
}

/** The same identity as plain PEM, for peers that are not ours (`node:http2`, `node:tls`). */
export interface PemIdentity {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

export interface TestAuthority {
  readonly trustDomain: string;
  readonly rootPem: string;
  /** A certificate with a fresh key. `identity` is a SPIFFE URI; any trust domain is issued when asked for. */
  issue(identity: string, options?: IssueOptions): Promise<WorkloadCertificate>;
  issuePem(identity: string, options?: IssueOptions): Promise<PemIdentity>;
  /** A TLS server's certificate for DNS names and IP addresses, of a control plane for instance. */
  issueServer(names: readonly string[], options?: IssueOptions): Promise<PemIdentity>;
  /** A revocation list (PEM) with these serial numbers, hexadecimal. */
  revoke(serialNumbers: readonly string[]): Promise<string>;
  /** Signs the public key of a PKCS#10 request (PEM) as `identity`; the request's own names are ignored. Returns PEM. */
  sign(request: string, identity: string, options?: IssueOptions): Promise<string>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;

export async function createTestAuthority(init: TestAuthorityInit = {}): Promise<TestAuthority> {
  const { trustDomain = 'cluster.local', now = Date.now } = init;
  const rootKeys = await generateKeys();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `O=${trustDomain}, CN=test root`,
    notBefore: new Date(now() - HOUR_MS),
    notAfter: new Date(now() + 10 * 365 * 24 * HOUR_MS),
    signingAlgorithm: ALGORITHM,
    keys: rootKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(rootKeys.publicKey),
    ],
  });
  const rootPem = pem(root.toString('pem'));

  async function signKey(publicKey: x509.PublicKeyType, names: x509.JsonGeneralNames, options: IssueOptions) {
    return x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      issuer: root.subject,
      notBefore: options.notBefore ?? new Date(now() - HOUR_MS),
      notAfter: options.notAfter ?? new Date(now() + 24 * HOUR_MS),
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: rootKeys.privateKey,
      extensions: [
        // Critical, because the subject is empty (RFC 5280 section 4.2.1.6).
        new x509.SubjectAlternativeNameExtension(names, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.BasicConstraintsExtension(false, undefined, true),
        // Roots of two authorities bear the same name: this tells which key signed.
        await x509.AuthorityKeyIdentifierExtension.create(rootKeys.publicKey),
      ],
    });
  }

  async function issueLeaf(names: x509.JsonGeneralNames, options: IssueOptions) {
    const keys = await generateKeys();
    const leaf = await signKey(keys.publicKey, names, options);
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { leaf, cert: pem(leaf.toString('pem')), key: pem(x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')) };
  }

  return {
    trustDomain,
    rootPem,
    async issue(identity, options = {}) {
      const { leaf, cert, key } = await issueLeaf(workloadName(identity), options);
      const roots = [rootPem, ...(options.extraRoots ?? [])];
      return {
        identity,
        trustDomain: parseSpiffeId(identity)?.trustDomain ?? trustDomain,
        chain: [cert],
        roots,
        serialNumber: leaf.serialNumber,
        notBefore: leaf.notBefore.getTime(),
        notAfter: leaf.notAfter.getTime(),
        secureContext: createSecureContext({ ...(options.tls ?? WORKLOAD_TLS), key, cert, ca: roots }),
      };
    },
    async issuePem(identity, options = {}) {
      const { cert, key } = await issueLeaf(workloadName(identity), options);
      return { key, cert, ca: [rootPem, ...(options.extraRoots ?? [])].join('') };
    },
    async issueServer(names, options = {}) {
      const { cert, key } = await issueLeaf(names.map(serverName), options);
      return { key, cert, ca: [rootPem, ...(options.extraRoots ?? [])].join('') };
    },
    async revoke(serialNumbers) {
      const list = await x509.X509CrlGenerator.create({
        issuer: root.subject,
        thisUpdate: new Date(now() - HOUR_MS),
        // In the past on purpose: a list goes on to count when the next one is late.
        nextUpdate: new Date(now() - HOUR_MS / 2),
        entries: serialNumbers.map((serial) => ({ serialNumber: serial, revocationDate: new Date(now() - HOUR_MS) })),
        signingAlgorithm: ALGORITHM,
        signingKey: rootKeys.privateKey,
      });
      return pem(x509.PemConverter.encode(list.rawData, 'X509 CRL'));
    },
    async sign(request, identity, options = {}) {
      const { publicKey } = new x509.Pkcs10CertificateRequest(request);
      return pem((await signKey(publicKey, workloadName(identity), options)).toString('pem'));
    },
  };
}

function workloadName(identity: string): x509.JsonGeneralNames {
  return [{ type: 'url', value: identity }];
}

function serverName(value: string): x509.JsonGeneralName {
  return { type: isIP(value) === 0 ? 'dns' : 'ip', value };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

/** Sixteen random bytes; the first bit is cleared because serial numbers are positive (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}

function pem(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
