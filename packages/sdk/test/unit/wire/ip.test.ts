import { describe, expect, it } from 'vitest';
import { canonicalIp, formatIp, ipInBlock, maskIp, parseIp } from '../../../src/wire/ip.js';

const bytes = (text: string) => {
  const parsed = parseIp(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
};

describe('canonical text of an IP address', () => {
  // Cases of RFC 5952 sections 4 and 5.
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['::ffff:0a00:0001', '::ffff:10.0.0.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalIp(text)).toBe(canonical);
  });

  it.each(['', '10.0.0', '10.0.0.256', '010.0.0.1', '10.0.0.1/24', '1::2::3', 'fe80::1%eth0', 'localhost', '[::1]'])(
    'refuses %j',
    (text) => {
      expect(canonicalIp(text)).toBeUndefined();
    },
  );

  it.each([0, 3, 5, 15, 17])('has none for %i bytes', (length) => {
    expect(formatIp(new Uint8Array(length))).toBeUndefined();
  });
});

describe('blocks of addresses', () => {
  it.each([
    ['10.1.2.3', '10.0.0.0', 8, true],
    ['11.1.2.3', '10.0.0.0', 8, false],
    ['10.1.2.127', '10.1.2.0', 25, true],
    ['10.1.2.128', '10.1.2.0', 25, false],
    ['10.1.2.3', '10.1.2.3', 32, true],
    ['10.1.2.4', '10.1.2.3', 32, false],
    ['192.0.2.1', '0.0.0.0', 0, true],
    ['2001:db8::1', '2001:db8::', 32, true],
    ['2001:db9::1', '2001:db8::', 32, false],
    ['::1', '0.0.0.0', 0, false],
    // The base need not be masked.
    ['10.1.9.9', '10.1.2.3', 16, true],
  ])('%s in %s/%i: %s', (ip, base, length, expected) => {
    expect(ipInBlock(bytes(ip), bytes(base), length)).toBe(expected);
  });

  it.each([
    ['10.1.2.255', 25, '10.1.2.128'],
    ['10.1.2.255', 0, '0.0.0.0'],
    ['10.1.2.255', 32, '10.1.2.255'],
    ['2001:db8:ffff::1', 33, '2001:db8:8000::'],
  ])('%s masked to %i bits is %s', (ip, length, expected) => {
    expect(formatIp(maskIp(bytes(ip), length))).toBe(expected);
  });
});
