import { describe, expect, it } from 'vitest';
import { readSocketAddress } from '../../src/capture/interception/socket-address.js';

/** As the kernel fills them: family in host order, port and address in network order (ip(7), ipv6(7)). */
const V4 = '020000500a6300090000000000000000';
const V6 = (address: string) => `0a0024b800000000${address}0000000000000000`;

describe('struct sockaddr of a socket option', () => {
  it.each([
    ['IPv4', V4, 'LE', { host: '10.99.0.9', port: 80 }],
    ['IPv4 of a big-endian machine', `0002${V4.slice(4)}`, 'BE', { host: '10.99.0.9', port: 80 }],
    ['IPv6, in canonical text', V6('20010db8000000000000000000000009'), 'LE', { host: '2001:db8::9', port: 9400 }],
    ['IPv4-mapped IPv6, as IPv4', V6('00000000000000000000ffff0a630009'), 'LE', { host: '10.99.0.9', port: 9400 }],
  ] as const)('reads %s', (_, hex, order, address) => {
    const read = readSocketAddress(Buffer.from(hex, 'hex'), order);

    expect(read).toEqual(address);
  });

  it.each([
    ['another family', `1000${V4.slice(4)}`],
    ['the other byte order', `0002${V4.slice(4)}`],
    ['too few bytes for IPv4', V4.slice(0, 14)],
    ['too few bytes for IPv6', V6('20010db8000000000000000000000009').slice(0, 46)],
    ['nothing', ''],
  ])('takes %s for no address', (_, hex) => {
    expect(readSocketAddress(Buffer.from(hex, 'hex'), 'LE')).toBeUndefined();
  });
});
