import { describe, expect, it } from 'vitest';
import { spiffeUrisOf } from '../../../src/identity/index.js';

const reviews = 'spiffe://cluster.local/ns/shop/sa/reviews';
const ratings = 'spiffe://cluster.local/ns/shop/sa/ratings';

describe('identities in a certificate', () => {
  it.each<[string, string | undefined, readonly string[]]>([
    ['one URI', `URI:${reviews}`, [reviews]],
    ['several URIs, in order', `URI:${ratings}, URI:${reviews}`, [ratings, reviews]],
    ['a URI among other names', `DNS:istiod.svc, IP Address:10.0.0.1, URI:${reviews}, email:a@b`, [reviews]],
    ['URIs of other kinds', `URI:https://example.com/, URI:spiffe://td/other, URI:${reviews}`, [reviews]],
    ['a quoted name before it', `DNS:"a\\u0000, b", URI:${reviews}`, [reviews]],
    ['no names at all', undefined, []],
    ['no URI', 'DNS:istiod.svc', []],
    ['a DNS name that contains an identity', `DNS:"x, URI:${reviews}"`, []],
    ['a DNS name with an identity and more in the middle', `DNS:"x, URI:${reviews}, DNS:y"`, []],
    ['an identity in quotes, which no valid one needs', `URI:"${reviews}"`, []],
    ['an unfinished quote', `DNS:"x, URI:${reviews}`, []],
    ['a form that is not understood', `othername:"a"b, URI:${reviews}`, []],
  ])('%s', (_what, text, expected) => {
    expect(spiffeUrisOf(text)).toEqual(expected);
  });
});
