/**
 * Tokens of Kubernetes' service accounts, which the API of their cluster is asked about (TokenReview): proxies have them
 * projected into their pods for the audience of the mesh.
 *
 * What a token says of itself is only ever a reason to refuse without asking. What is asked is bounded: one question for
 * a token at a time, MAX_UNDER_WAY in all, and a good answer holds for HELD_MS, or less when the token expires before.
 * Answers are kept by the token's hash. That the API cannot be asked is told once; callers learn no more than that.
 */
import { createHash } from 'node:crypto';
import type { Clock, Logger } from '@isthmus/sdk/runtime';
import { decodeJwt, type JWTPayload } from 'jose';
import { quote, type TokenVerifier, type VerifiedToken } from './tokens.js';

export interface ReviewVerifierInit {
  /** The `status` of a TokenReview. */
  readonly ask: (token: string, audiences: readonly string[]) => Promise<unknown>;
  readonly audience: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Long enough for a node's ztunnel to ask for all its certificates; a pod that is deleted is known for so long. */
const HELD_MS = 10_000;
/** One for each proxy that comes back at once after a restart; the oldest give way. */
const MAX_HELD = 10_000;
/** As many as the API server would let wait anyway; further callers come back by themselves. */
const MAX_UNDER_WAY = 100;

/** Kubernetes 1.30 and later names the node; the pod since 1.21. */
const POD_NAME = 'authentication.kubernetes.io/pod-name';
const NODE_NAME = 'authentication.kubernetes.io/node-name';

interface Held {
  readonly result: VerifiedToken;
  /** Monotonic. */
  readonly untilMs: number;
}

export function createReviewVerifier(init: ReviewVerifierInit): TokenVerifier {
  const { audience, clock } = init;
  const ask = createAsking(init);
  const held = new Map<string, Held>();
  const underWay = new Map<string, Promise<VerifiedToken>>();

  async function review(token: string, hash: string, { exp }: JWTPayload): Promise<VerifiedToken> {
    const result = await ask(token);
    if (!result.ok) return result;
    const restMs = exp === undefined ? HELD_MS : exp * 1000 - clock.now();
    const [oldest] = held.keys();
    if (oldest !== undefined && held.size >= MAX_HELD) held.delete(oldest);
    held.set(hash, { result, untilMs: clock.monotonic() + Math.min(HELD_MS, restMs) });
    return result;
  }

  return {
    async verify(token) {
      const claims = claimsOf(token);
      if (!claims) return refuse('it is not a JWT');
      const unfit = whyUnfit(claims, audience, clock.now());
      if (unfit !== undefined) return refuse(unfit);
      const hash = createHash('sha256').update(token).digest('base64');
      const known = held.get(hash);
      if (known && known.untilMs > clock.monotonic()) return known.result;
      held.delete(hash);
      const asked = underWay.get(hash);
      if (asked) return asked;
      if (underWay.size >= MAX_UNDER_WAY) return refuse('too many tokens are being reviewed at this moment; try again');
      const asking = review(token, hash, claims).finally(() => underWay.delete(hash));
      underWay.set(hash, asking);
      return asking;
    },
  };
}

/** Asks, and tells once that it cannot and once that it can again. */
function createAsking({ ask, audience, log }: ReviewVerifierInit): (token: string) => Promise<VerifiedToken> {
  let told: string | undefined;
  return async (token) => {
    try {
      const result = readStatus(await ask(token, [audience]), audience);
      if (told !== undefined) log.info('tokens are reviewed by the Kubernetes API again');
      told = undefined;
      return result;
    } catch (error) {
      const { message } = error as Error;
      if (told !== message) log.error(`tokens cannot be reviewed: ${message}; callers with such tokens are refused`);
      told = message;
      return refuse(
        'the Kubernetes API cannot be asked about it; the log of the control plane has the reason; try again',
      );
    }
  };
}

function claimsOf(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

/** What the API would refuse as well, in words that help. */
function whyUnfit({ aud, exp }: JWTPayload, audience: string, now: number): string | undefined {
  if (exp !== undefined && exp * 1000 <= now) {
    const when = new Date(exp * 1000).toISOString();
    return `it expired at ${when}; the kubelet puts a new one into its file in time: see that the proxy reads that file, and the clocks`;
  }
  // Tokens of before Kubernetes 1.21 have none; what they are good for the API says.
  const audiences = aud === undefined ? [audience] : [aud].flat();
  if (audiences.includes(audience)) return undefined;
  return `its audience is ${quote(audiences.join(', '))}, not ${audience}; project it with "audience: ${audience}"`;
}

/** `status` of authentication.k8s.io/v1 TokenReview. Whatever is not as it should be is a refusal. */
function readStatus(status: unknown, audience: string): VerifiedToken {
  const { authenticated, error, user, audiences } = (status ?? {}) as {
    readonly authenticated?: unknown;
    readonly error?: unknown;
    readonly user?: { readonly username?: unknown; readonly groups?: unknown; readonly extra?: unknown } | null;
    readonly audiences?: unknown;
  };
  if (authenticated !== true)
    return refuse(`the Kubernetes API of this cluster does not accept it (${String(error ?? 'it says no more')})`);
  // An authenticator that knows no audiences gives none back, and then nobody has looked at the token's.
  if (!Array.isArray(audiences) || !audiences.includes(audience))
    return refuse(`the Kubernetes API does not confirm that it is for the audience ${audience}`);
  const { username, groups, extra } = user ?? {};
  const [, namespace, serviceAccount] = /^system:serviceaccount:([^:/]+):([^:/]+)$/.exec(String(username)) ?? [];
  if (!namespace || !serviceAccount || !Array.isArray(groups) || !groups.includes('system:serviceaccounts'))
    return refuse(`it is the token of ${quote(username)}, which is no service account`);
  const pod = firstOf(extra, POD_NAME);
  const node = firstOf(extra, NODE_NAME);
  return {
    ok: true,
    subject: { namespace, serviceAccount, ...(pod && { pod }), ...(node && { node }) },
  };
}

function firstOf(extra: unknown, key: string): string | undefined {
  const values = (extra as Readonly<Record<string, unknown>> | null | undefined)?.[key];
  const value: unknown = Array.isArray(values) ? values[0] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function refuse(reason: string): VerifiedToken {
  return { ok: false, reason };
}
