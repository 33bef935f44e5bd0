/** Header lines on their way through. */
import { describe, expect, it } from 'vitest';
import type { Fields } from '../../../src/http/exchange.js';
import {
  fieldTokens,
  fieldValue,
  forwardedRequestFields,
  forwardedResponseFields,
  forwardedTrailers,
} from '../../../src/http/headers.js';

const rules = { newRequestId: () => 'fresh' };
const names = (fields: Fields) => fields.map(([name]) => name);

describe('forwardedRequestFields', () => {
  it('keeps order, case and repetition of end-to-end lines', () => {
    const fields: Fields = [
      ['Host', 'reviews'],
      ['X-B', '1'],
      ['x-a', '2'],
      ['X-B', '3'],
      ['x-request-id', 'given'],
    ];

    expect(forwardedRequestFields(fields, rules)).toEqual(fields);
  });

  it.each(['Connection', 'Keep-Alive', 'Proxy-Connection', 'Transfer-Encoding', 'Upgrade', 'HTTP2-Settings', 'TE'])(
    'drops %s',
    (name) => {
      expect(names(forwardedRequestFields([[name, 'x']], rules))).toEqual(['x-request-id']);
    },
  );

  it('drops lines that Connection names, over all its lines and without regard to case', () => {
    const fields: Fields = [
      ['connection', 'X-One, close'],
      ['Connection', 'x-two'],
      ['x-one', '1'],
      ['X-Two', '2'],
      ['x-three', '3'],
    ];

    expect(names(forwardedRequestFields(fields, rules))).toEqual(['x-three', 'x-request-id']);
  });

  it('does not let a client erase who asks and for what by naming it in Connection', () => {
    const protectedNames = [
      'host',
      'authorization',
      'cookie',
      'x-forwarded-for',
      'forwarded',
      'traceparent',
      'baggage',
      'content-length',
    ];
    const fields: Fields = [
      ['connection', protectedNames.join(',')],
      ...protectedNames.map((name) => [name, 'v'] as const),
    ];

    expect(names(forwardedRequestFields(fields, rules))).toEqual([...protectedNames, 'x-request-id']);
  });

  it('says te: trailers again only when the client did', () => {
    expect(forwardedRequestFields([['te', 'gzip;q=0.5, trailers']], rules)).toContainEqual(['te', 'trailers']);
    expect(names(forwardedRequestFields([['te', 'gzip']], rules))).not.toContain('te');
  });

  it('drops a client certificate claim nobody here has verified', () => {
    expect(names(forwardedRequestFields([['X-Forwarded-Client-Cert', 'By=x']], rules))).toEqual(['x-request-id']);
  });

  it('makes a request id only where there is none', () => {
    expect(fieldValue(forwardedRequestFields([], rules), 'x-request-id')).toBe('fresh');
    expect(fieldValue(forwardedRequestFields([['X-Request-Id', 'mine']], rules), 'x-request-id')).toBe('mine');
  });
});

describe('forwardedResponseFields', () => {
  it('drops hop-by-hop lines and invents none', () => {
    const fields: Fields = [
      ['Server', 'app'],
      ['Connection', 'keep-alive'],
      ['Keep-Alive', 'timeout=5'],
      ['Transfer-Encoding', 'chunked'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ];

    expect(forwardedResponseFields(fields)).toEqual([
      ['Server', 'app'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ]);
  });
});

describe('forwardedTrailers', () => {
  it('keeps what may follow a body and drops framing, routing and authentication', () => {
    const fields: Fields = [
      ['grpc-status', '0'],
      ['Content-Length', '3'],
      ['transfer-encoding', 'chunked'],
      ['Host', 'x'],
      ['set-cookie', 'a=1'],
      ['authorization', 'b'],
      [':status', '200'],
      ['x-sum', '42'],
    ];

    expect(names(forwardedTrailers(fields))).toEqual(['grpc-status', 'x-sum']);
  });
});

describe('fieldTokens', () => {
  it('splits lists over lines, lowers and trims, and skips empty members', () => {
    expect(
      fieldTokens(
        [
          ['Upgrade', ' WebSocket , ,h2c'],
          ['upgrade', 'X'],
        ],
        'upgrade',
      ),
    ).toEqual(['websocket', 'h2c', 'x']);
  });
});
