/**
 * Signs workload certificates in istiod's profile: SPIFFE URI as the only name, marked critical because the subject
 * is empty, for both ends of TLS. What a request says about names is ignored; only its public key is taken, and only
 * when it proves to hold the private one.
 */
import type { CaMaterial } from './cacerts.js';
import { BACKDATE_MS, signCertificate, toPem } from './certificates.js';
import type { Ledger } from './ledger.js';
import * as x509 from './x509.js';

/** PKCS#10 with RSA 8192 is below 6 KiB of PEM. */
const MAX_CSR_BYTES = 32 * 1024;
const MIN_RSA_BITS = 2048;

export interface IssuerInit {
  /** The CA as it is now; it may be replaced at any time. */
  readonly material: () => CaMaterial;
  /** Of what is issued. */
  readonly ledger: Pick<Ledger, 'record'>;
  readonly now: () => number;
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
}

export interface IssueRequest {
  /** PKCS#10, PEM. */
  readonly csr: string;
  /** SPIFFE URI; the caller has checked that it may be had. */
  readonly identity: string;
  /** Zero or less: the default. */
  readonly ttlMs: number;
}

export interface Issued {
  /** Leaf, intermediates one by one, and last all roots in one element: ztunnel takes the last one for its trust. */
  readonly chain: readonly string[];
  readonly serialNumber: string;
  readonly notAfter: Date;
}

/** `reason` is for the caller. */
export type IssueOutcome =
  | { readonly ok: true; readonly issued: Issued }
  | { readonly ok: false; readonly error: 'CSR_ERROR' | 'TTL_ERROR'; readonly reason: string };

export interface Issuer {
  issue(request: IssueRequest): Promise<IssueOutcome>;
}

export function createIssuer({ material, ledger, now, defaultTtlMs, maxTtlMs }: IssuerInit): Issuer {
  return {
    async issue({ csr, identity, ttlMs }) {
      if (ttlMs > maxTtlMs) {
        const reason = `asked for ${ttlMs / 1000} s, the longest life is ${maxTtlMs / 1000} s`;
        return { ok: false, error: 'TTL_ERROR', reason };
      }
      const key = await readRequest(csr);
      if ('reason' in key) return { ok: false, error: 'CSR_ERROR', reason: key.reason };
      const ca = material();
      const leaf = await signCertificate({
        signer: ca,
        publicKey: key.publicKey,
        notBefore: new Date(now() - BACKDATE_MS),
        notAfter: new Date(now() + (ttlMs > 0 ? ttlMs : defaultTtlMs)),
        extensions: leafExtensions([{ type: 'url', value: identity }]),
      });
      ledger.record({ root: ca.anchor, told: ca.fingerprints, notAfter: leaf.notAfter.getTime() });
      const chain = [toPem(leaf), ...ca.intermediates, ca.roots];
      return { ok: true, issued: { chain, serialNumber: leaf.serialNumber, notAfter: leaf.notAfter } };
    },
  };
}

/** For both ends of TLS. Critical names, because there is no subject (RFC 5280 section 4.2.1.6). */
export function leafExtensions(names: x509.JsonGeneralNames): readonly x509.Extension[] {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  return [
    new x509.SubjectAlternativeNameExtension(names, true),
    new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    new x509.BasicConstraintsExtension(false, undefined, true),
  ];
}

async function readRequest(csr: string): Promise<{ readonly publicKey: x509.PublicKey } | { readonly reason: string }> {
  if (csr.length > MAX_CSR_BYTES) return { reason: `longer than ${MAX_CSR_BYTES} bytes` };
  try {
    const request = new x509.Pkcs10CertificateRequest(csr);
    if (!(await request.verify()))
      return { reason: 'its signature does not verify, so it does not prove to hold the key' };
    const { publicKey } = request;
    const { modulusLength = MIN_RSA_BITS } = publicKey.algorithm as { modulusLength?: number };
    if (modulusLength < MIN_RSA_BITS)
      return { reason: `an RSA key of ${modulusLength} bits is too weak, ${MIN_RSA_BITS} are needed` };
    return { publicKey };
  } catch (error) {
    // Whatever a parser says of hostile bytes; it never holds a secret.
    return { reason: `not a PKCS#10 request in PEM: ${error instanceof Error ? error.message : String(error)}` };
  }
}
