import { describe, expect, it } from 'vitest';
import { formatSpiffeId, parseSpiffeId } from '../../../src/wire/spiffe.js';

describe('SPIFFE ids', () => {
  it('reads trust domain, namespace and service account', () => {
    const id = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/reviews');

    expect(id).toEqual({ trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'reviews' });
  });

  it('writes what it reads', () => {
    const id = { trustDomain: 'td', namespace: 'n', serviceAccount: 's' };

    expect(parseSpiffeId(formatSpiffeId(id))).toEqual(id);
  });

  it.each([
    '',
    'spiffe://',
    'cluster.local/ns/shop/sa/reviews',
    'SPIFFE://cluster.local/ns/shop/sa/reviews',
    'https://cluster.local/ns/shop/sa/reviews',
    'spiffe://cluster.local/ns/shop/sa',
    'spiffe://cluster.local/ns/shop/sa/reviews/',
    'spiffe://cluster.local/ns/shop/sa/reviews/extra',
    'spiffe://cluster.local/sa/reviews/ns/shop',
    'spiffe://cluster.local/namespace/shop/sa/reviews',
    'spiffe:///ns/shop/sa/reviews',
    'spiffe://cluster.local/ns//sa/reviews',
    'spiffe://cluster.local/ns/shop/sa/',
  ])('refuses %j', (text) => {
    expect(parseSpiffeId(text)).toBeUndefined();
  });
});
