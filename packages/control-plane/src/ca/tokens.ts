/**
 * Tokens by which workloads and proxies prove who they are before they have a certificate: JWTs shaped like
 * Kubernetes' bound service account tokens, so that proxies need not know which kind of control plane they talk to.
 * ES256 with one key; the control plane checks with its public half.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, errors, exportJWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';

const ALGORITHM = 'ES256';
/** Kubernetes' tokens are about 1.2 KiB. */
export const MAX_TOKEN_BYTES = 16 * 1024;

export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod?: string;
  readonly node?: string;
}

export interface IssueTokenInit extends TokenSubject {
  readonly key: KeyObject;
  readonly issuer: string;
  readonly audience: string;
  readonly now: number;
  readonly ttlMs: number;
}

export async function issueToken(init: IssueTokenInit): Promise<string> {
  const { key, issuer, audience, namespace, serviceAccount, pod, node, now, ttlMs } = init;
  assertUsable(key);
  const bound = {
    namespace,
    serviceaccount: { name: serviceAccount },
    ...(pod === undefined ? {} : { pod: { name: pod } }),
    ...(node === undefined ? {} : { node: { name: node } }),
  };
  const issuedAt = Math.floor(now / 1000);
  return new SignJWT({ 'kubernetes.io': bound })
    .setProtectedHeader({ alg: ALGORITHM, kid: await keyId(key), typ: 'JWT' })
    .setIssuer(issuer)
    .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt)
    .setExpirationTime(Math.floor((now + ttlMs) / 1000))
    .sign(key);
}

export type VerifiedToken =
  | { readonly ok: true; readonly subject: TokenSubject }
  /** For the caller; it never quotes the token. */
  | { readonly ok: false; readonly reason: string };

export interface TokenVerifier {
  verify(token: string): Promise<VerifiedToken>;
}

export interface TokenVerifierInit {
  readonly key: KeyObject;
  readonly issuer: string;
  readonly audience: string;
  readonly now: () => number;
}

export function createTokenVerifier({ key, issuer, audience, now }: TokenVerifierInit): TokenVerifier {
  assertUsable(key);
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return {
    async verify(token) {
      if (token.length > MAX_TOKEN_BYTES) return { ok: false, reason: `longer than ${MAX_TOKEN_BYTES} bytes` };
      try {
        const { payload } = await jwtVerify(token, publicKey, {
          issuer,
          audience,
          algorithms: [ALGORITHM],
          requiredClaims: ['exp', 'sub'],
          currentDate: new Date(now()),
        });
        return readSubject(payload);
      } catch (error) {
        return { ok: false, reason: reasonOf(error) };
      }
    },
  };
}

function readSubject(payload: JWTPayload): VerifiedToken {
  const [, namespace, serviceAccount] = /^system:serviceaccount:([^:/]+):([^:/]+)$/.exec(payload.sub ?? '') ?? [];
  if (!namespace || !serviceAccount) {
    return { ok: false, reason: 'its subject is not system:serviceaccount:<namespace>:<account>' };
  }
  const bound = payload['kubernetes.io'] as { pod?: { name?: unknown }; node?: { name?: unknown } } | undefined;
  const pod = bound?.pod?.name;
  const node = bound?.node?.name;
  return {
    ok: true,
    subject: {
      namespace,
      serviceAccount,
      ...(typeof pod === 'string' && pod !== '' ? { pod } : {}),
      ...(typeof node === 'string' && node !== '' ? { node } : {}),
    },
  };
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed)
    return `its claim "${error.claim}" is not what this control plane expects`;
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return 'it is not signed by the key of this control plane';
  if (error instanceof errors.JOSEAlgNotAllowed) return `it is not signed with ${ALGORITHM}`;
  return 'it is not a JWT';
}

function assertUsable(key: KeyObject): void {
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return;
  throw new Error(`tokens are signed with ${ALGORITHM}, which needs an ECDSA P-256 key`);
}

/** RFC 7638 thumbprint of the public key. */
async function keyId(key: KeyObject): Promise<string> {
  return calculateJwkThumbprint(await exportJWK(createPublicKey(key)));
}
