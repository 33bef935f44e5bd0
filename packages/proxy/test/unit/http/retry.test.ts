/** Which requests may be sent a second time. */
import { describe, expect, it } from 'vitest';
import type { UpstreamFailure } from '../../../src/http/exchange.js';
import { mayRetry } from '../../../src/http/retry.js';

const lost: UpstreamFailure = { code: 'TUNNEL_LOST', message: '', processed: 'maybe' };
const refused: UpstreamFailure = { code: 'UPSTREAM_RESET', message: '', processed: 'no' };
const first = { attempt: 1, method: 'GET', failure: lost, replayable: true };

describe('mayRetry', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])('repeats %s that may have been acted on', (method) => {
    expect(mayRetry({ ...first, method })).toBe(true);
  });

  it.each(['POST', 'PATCH', 'LOCK', 'get'])('does not repeat %s that may have been acted on', (method) => {
    expect(mayRetry({ ...first, method })).toBe(false);
  });

  it('repeats any method that nobody can have acted on', () => {
    expect(mayRetry({ ...first, method: 'POST', failure: refused })).toBe(true);
  });

  it('repeats once only', () => {
    expect(mayRetry({ ...first, attempt: 2 })).toBe(false);
    expect(mayRetry({ ...first, attempt: 2, failure: refused })).toBe(false);
  });

  it('repeats nothing whose body is gone', () => {
    expect(mayRetry({ ...first, failure: refused, replayable: false })).toBe(false);
  });

  it.each(['UPSTREAM_OVERFLOW', 'IDENTITY_UNAVAILABLE', 'CLIENT_GONE', 'MALFORMED_REQUEST'] as const)(
    'does not repeat after %s, which another endpoint would not change',
    (code) => {
      expect(mayRetry({ ...first, failure: { code, message: '', processed: 'no' } })).toBe(false);
    },
  );

  it('does not repeat what an application answered in another protocol', () => {
    expect(mayRetry({ ...first, failure: { ...lost, code: 'UPSTREAM_PROTOCOL_ERROR' } })).toBe(false);
  });
});
