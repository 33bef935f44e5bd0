/**
 * Whether a request that got no answer may be sent again. Pure. One second attempt at most: the first failure is usually
 * a pooled connection that died between requests; a second one is news for the client.
 */
import type { FaultCode } from '@isthmus/sdk/wire';
import type { UpstreamFailure } from './exchange.js';

const MAX_ATTEMPTS = 2;

/** RFC 9110 section 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Failures that another attempt meets again: they are about this proxy or about the client. */
const LASTING: ReadonlySet<FaultCode> = new Set([
  'UPSTREAM_OVERFLOW',
  'IDENTITY_UNAVAILABLE',
  'CLIENT_GONE',
  'MALFORMED_REQUEST',
]);

export interface FailedAttempt {
  /** 1 for the first. */
  readonly attempt: number;
  readonly method: string;
  readonly failure: UpstreamFailure;
  /** Whether the body can be sent again from its first byte. */
  readonly replayable: boolean;
}

export function mayRetry({ attempt, method, failure, replayable }: FailedAttempt): boolean {
  if (attempt >= MAX_ATTEMPTS || !replayable || LASTING.has(failure.code)) return false;
  if (failure.processed === 'no') return true;
  return IDEMPOTENT.has(method) && failure.code !== 'UPSTREAM_PROTOCOL_ERROR';
}
