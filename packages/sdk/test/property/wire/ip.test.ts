import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalIp, formatIp, ipInBlock, maskIp, parseIp } from '../../../src/wire/ip.js';

const octets = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // Runs of zeros are where IPv6 text is hard.
  fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
);

describe('IP addresses', () => {
  it('survive the way through text', () => {
    fc.assert(
      fc.property(octets, (address) => {
        const text = formatIp(address) ?? '';

        expect(parseIp(text)).toEqual(address);
        expect(canonicalIp(text)).toBe(text);
      }),
      { seed: 1 },
    );
  });

  it('agree with Node on every notation it takes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const canonical = canonicalIp(text);

        expect(canonical).toBeDefined();
        expect(canonicalIp(canonical ?? '')).toBe(canonical);
      }),
      { seed: 2 },
    );
  });

  it('are in a block exactly when masking both gives the same', () => {
    fc.assert(
      fc.property(octets, octets, fc.nat(128), (ip, base, length) => {
        const bits = Math.min(length, base.length * 8);
        const expected = ip.length === base.length && formatIp(maskIp(ip, bits)) === formatIp(maskIp(base, bits));

        expect(ipInBlock(ip, base, bits)).toBe(expected);
      }),
      { seed: 3 },
    );
  });
});
