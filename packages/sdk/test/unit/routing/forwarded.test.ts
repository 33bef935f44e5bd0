import { describe, expect, it } from 'vitest';
import {
  createTraceparent,
  formatForwarded,
  isFromAnotherNetwork,
  parseForwardedHost,
} from '../../../src/routing/index.js';

describe('formatForwarded', () => {
  // hbone §10.client.4
  it('writes client and host as ztunnel does', () => {
    expect(formatForwarded({ client: '10.1.0.1:4711', host: 'reviews.shop' })).toBe(
      'for="10.1.0.1:4711";host=reviews.shop',
    );
  });

  it('leaves out a host that is not known', () => {
    expect(formatForwarded({ client: '[::1]:80' })).toBe('for="[::1]:80"');
  });
});

describe('parseForwardedHost', () => {
  it.each([
    ['for="10.1.0.1:4711";host=reviews.shop', 'reviews.shop'],
    ['host="reviews.shop"', 'reviews.shop'],
    ['for=x; host=reviews.shop', 'reviews.shop'],
    ['host=first;host=second', 'first'],
    ['host=', undefined],
    ['host=""', undefined],
    ['Host=reviews', undefined],
    ['for=x,host=reviews', undefined],
    ['for=x', undefined],
    ['host=r\u00e9views', undefined],
    [`host=${'a'.repeat(254)}`, undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is %s', (value, host) => {
    expect(parseForwardedHost(value)).toBe(host);
  });
});

describe('createTraceparent', () => {
  it('writes 24 bytes as trace id and parent id, not sampled', () => {
    const bytes = Uint8Array.from({ length: 24 }, (_, i) => i);

    expect(createTraceparent(bytes)).toBe('00-000102030405060708090a0b0c0d0e0f-1011121314151617-00');
  });

  it('never writes an id of zeros, which is invalid', () => {
    expect(createTraceparent(new Uint8Array(24))).toBe(`00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-00`);
  });

  it('names what it lacks', () => {
    expect(() => createTraceparent(new Uint8Array(23))).toThrow('24 random bytes, got 23');
  });
});

// hbone §10.server.7, hbone §10.fact.6
describe('isFromAnotherNetwork', () => {
  it.each([
    [undefined, false],
    ['net-1', false],
    ['NET-1', false],
    ['net-2', true],
    ['', true],
  ])('%s on net-1 is %s', (forwarded, expected) => {
    expect(isFromAnotherNetwork(forwarded, 'net-1')).toBe(expected);
  });
});
