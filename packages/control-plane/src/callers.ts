/**
 * How callers without a certificate prove who they are, by the settings: tokens signed with our own key, and tokens of
 * the local cluster's service accounts.
 */
import type { Clock, Logger } from '@isthmus/sdk/runtime';
import {
  chooseVerifier,
  createReviewVerifier,
  createTokenVerifier,
  readVerifyKey,
  type TokenVerifier,
} from './ca/index.js';
import type { Settings } from './config.js';
import { localApiOf } from './members.js';
import { createTokenReviewer } from './sources/index.js';

export interface CallerVerifierInit {
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends what is asked. */
  readonly signal: AbortSignal;
}

/** Rejects when the key cannot be used. */
export async function createCallerVerifier(settings: Settings, init: CallerVerifierInit): Promise<TokenVerifier> {
  const { issuer, audience, keyFile } = settings.tokens;
  const byIssuer = new Map<string, TokenVerifier>();
  if (keyFile !== undefined) {
    const key = await readVerifyKey(keyFile);
    byIssuer.set(issuer, createTokenVerifier({ key, issuer, audience, now: () => init.clock.now() }));
  }
  const local = localApiOf(settings);
  const others = local?.kubernetes.tokenReview
    ? createReviewVerifier({ ...init, audience, ask: createTokenReviewer(local.access, init.clock, init.signal) })
    : undefined;
  return chooseVerifier({ byIssuer, others });
}
