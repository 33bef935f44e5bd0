/**
 * Tokens by which workloads and proxies prove who they are before they have a certificate: JWTs shaped like
 * Kubernetes' bound service account tokens, so that proxies need not know which kind of control plane they talk to.
 * ES256 with the key of a file, or the first of several; the control plane verifies with their public halves.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, type JSONWebKeySet, type JWK, SignJWT } from 'jose';

const ALGORITHM = 'ES256';
/** Kubernetes' tokens are about 1.2 KiB. */
export const MAX_TOKEN_BYTES = 16 * 1024;

/** Of what a token says of itself so much is told; answers and logs have no room for 16 KiB. */
const MAX_QUOTED_LENGTH = 200;

export function quote(claim: unknown): string {
  const text = String(JSON.stringify(claim));
  return text.length > MAX_QUOTED_LENGTH ? `${text.slice(0, MAX_QUOTED_LENGTH)}…` : text;
}

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
    .setProtectedHeader({ alg: ALGORITHM, kid: await keyId(createPublicKey(key)), typ: 'JWT' })
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

/** A file in which another key signs, and those before still verify. */
export function withNewKey(text: string, key: KeyObject): string {
  const before = keyBlocks(text).map((pem) => createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString());
  return [key.export({ type: 'pkcs8', format: 'pem' }).toString(), ...before].join('');
}

/** A file with the key that signs and no other; undefined when there is no other. */
export function withoutOldKeys(text: string): string | undefined {
  const [first, ...others] = keyBlocks(text);
  return first !== undefined && others.length > 0 ? `${first}\n` : undefined;
}

/** The public halves of a key file: the first key signs, all of them verify, so that one takes over from another. */
export async function readTokenKeys(text: string): Promise<JSONWebKeySet> {
  const blocks = keyBlocks(text);
  if (blocks.length === 0) throw new Error('it holds no key in PEM');
  return { keys: await Promise.all(blocks.map(readTokenKey)) };
}

function keyBlocks(text: string): readonly string[] {
  return text.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g) ?? [];
}

async function readTokenKey(pem: string, index: number): Promise<JWK> {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new Error(`its key ${index + 1} is not usable (PEM, unencrypted)`);
  }
  assertUsable(key);
  return { ...(await exportJWK(key)), kid: await keyId(key), alg: ALGORITHM };
}

function assertUsable(key: KeyObject): void {
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return;
  throw new Error(`tokens are signed with ${ALGORITHM}, which needs an ECDSA P-256 key`);
}

/** RFC 7638 thumbprint. */
async function keyId(publicKey: KeyObject): Promise<string> {
  return calculateJwkThumbprint(await exportJWK(publicKey));
}
