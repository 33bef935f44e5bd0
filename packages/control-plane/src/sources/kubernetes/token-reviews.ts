/**
 * What the API server of a cluster says of a token (authentication.k8s.io/v1 TokenReview). The token travels in the body
 * and is in no message. Bound: ANSWER_MS for each question.
 */
import type { Clock } from '@isthmus/sdk/runtime';
import type { Access } from './access.js';
import { createApi } from './api.js';
import { ApiFailure } from './failure.js';
import { ruleFor } from './resources.js';

/** Resolves to the `status` of the review, as it came. Rejects with an ApiFailure when there is none. */
export type TokenReviewer = (token: string, audiences: readonly string[]) => Promise<unknown>;

/** A proxy waits with its call for so long: ztunnel gives a certificate 10 s. */
const ANSWER_MS = 5_000;

const RESOURCE = { group: 'authentication.k8s.io', plural: 'tokenreviews' };

export function createTokenReviewer(access: Access, clock: Clock, signal: AbortSignal): TokenReviewer {
  const api = createApi(access, clock);
  return async (token, audiences) => {
    const review = await api.ask({
      path: `/apis/${RESOURCE.group}/v1/${RESOURCE.plural}`,
      what: 'create tokenreviews',
      rule: ruleFor(RESOURCE, ['create']),
      signal,
      answerMs: ANSWER_MS,
      send: {
        method: 'POST',
        type: 'application/json',
        body: { apiVersion: `${RESOURCE.group}/v1`, kind: 'TokenReview', spec: { token, audiences } },
      },
    });
    const { status } = (review ?? {}) as { readonly status?: unknown };
    if (typeof status === 'object' && status !== null) return status;
    throw new ApiFailure('malformed', `the answer of ${api.server} to create tokenreviews is no TokenReview`);
  };
}
