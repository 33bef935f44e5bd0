/**
 * Tokens of one issuer, verified by its keys: signature, issuer, audience, times, and a subject that is a service account.
 * Every refusal names the token's subject where there is one, and what to do.
 */
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { KeySet } from './key-sets.js';
import { MAX_TOKEN_BYTES, type TokenSubject, type TokenVerifier, type VerifiedToken } from './tokens.js';

export interface JwtVerifierInit {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: KeySet;
  /** What to do about a token that has expired, or that is signed with another key: half a sentence. */
  readonly remedy: (subject: TokenSubject | undefined) => string;
  readonly now: () => number;
}

/** What has a private half; a shared secret would let whoever verifies sign as well. */
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA'];

export function createJwtVerifier(init: JwtVerifierInit): TokenVerifier {
  const { issuer, audience, keys, now } = init;
  return {
    async verify(token) {
      if (token.length > MAX_TOKEN_BYTES) return refuse(`longer than ${MAX_TOKEN_BYTES} bytes`);
      try {
        const { payload } = await jwtVerify(token, keys.resolve, {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          requiredClaims: ['exp', 'sub'],
          currentDate: new Date(now()),
        });
        const subject = readSubject(payload);
        return subject ? { ok: true, subject } : refuse(notAnAccount(payload));
      } catch (error) {
        return refuse(reasonOf(error, init));
      }
    },
  };
}

function reasonOf(error: unknown, { issuer, audience, keys, remedy }: JwtVerifierInit): string {
  if (error instanceof errors.JWTExpired) {
    const subject = readSubject(error.payload);
    const when = new Date((error.payload.exp ?? 0) * 1000).toISOString();
    return `that of ${nameOf(subject)} has expired, at ${when}; ${remedy(subject)}`;
  }
  if (error instanceof errors.JWTClaimValidationFailed) return claimReason(error, { issuer, audience });
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey)
    return `it is not signed by any key of ${issuer} (${keys.origin}); ${remedy(undefined)}`;
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return `it does not say which key of ${issuer} it is signed with (kid), and there are several`;
  if (error instanceof errors.JOSEAlgNotAllowed) return `it is not signed with one of ${ALGORITHMS.join(', ')}`;
  if (error instanceof errors.JOSEError) return 'it is not a JWT';
  // The key set says what is wrong with it, for the log and for the caller.
  return `the keys of ${issuer} are not known at this moment; the log of the control plane has the reason; try again`;
}

function claimReason(
  { claim, payload }: errors.JWTClaimValidationFailed,
  { issuer, audience }: Pick<JwtVerifierInit, 'issuer' | 'audience'>,
): string {
  const who = `that of ${nameOf(readSubject(payload))}`;
  if (claim === 'aud') {
    const audiences = [payload.aud ?? []].flat().join(', ') || 'missing';
    return `${who} is for the audience ${audiences}, not ${audience}; ask for it with that audience`;
  }
  if (claim === 'iss') return `${who} says that ${String(payload.iss)} issued it, not ${issuer}`;
  if (claim === 'nbf') return `${who} is not valid yet; compare the clocks`;
  return `its claim "${claim}" is missing or not as it should be`;
}

/** From `system:serviceaccount:<namespace>:<account>`, and what Kubernetes says besides of the pod it is bound to. */
function readSubject(payload: JWTPayload): TokenSubject | undefined {
  const [, namespace, serviceAccount] = /^system:serviceaccount:([^:/]+):([^:/]+)$/.exec(payload.sub ?? '') ?? [];
  if (!namespace || !serviceAccount) return undefined;
  const bound = payload['kubernetes.io'] as { pod?: { name?: unknown }; node?: { name?: unknown } } | undefined;
  const pod = bound?.pod?.name;
  const node = bound?.node?.name;
  return {
    namespace,
    serviceAccount,
    ...(typeof pod === 'string' && pod !== '' ? { pod } : {}),
    ...(typeof node === 'string' && node !== '' ? { node } : {}),
  };
}

function notAnAccount({ sub }: JWTPayload): string {
  return `its subject ${JSON.stringify(sub)} is not system:serviceaccount:<namespace>:<account>`;
}

function nameOf(subject: TokenSubject | undefined): string {
  return subject ? `${subject.namespace}/${subject.serviceAccount}` : 'an unknown account';
}

function refuse(reason: string): VerifiedToken {
  return { ok: false, reason };
}
