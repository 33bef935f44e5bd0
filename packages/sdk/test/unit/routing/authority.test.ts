import { describe, expect, it } from 'vitest';
import { formatAuthority, parseAuthority } from '../../../src/routing/index.js';

const label63 = 'a'.repeat(63);
const name253 = [label63, label63, label63, 'a'.repeat(61)].join('.');

describe('parseAuthority reads', () => {
  it.each([
    ['10.1.0.2:8080', { kind: 'address', ip: '10.1.0.2', port: 8080 }],
    ['[2001:DB8::0:1]:80', { kind: 'address', ip: '2001:db8::1', port: 80 }],
    ['[::ffff:10.1.0.2]:80', { kind: 'address', ip: '10.1.0.2', port: 80 }],
    ['Reviews.Shop.svc.cluster.local:80', { kind: 'hostname', hostname: 'reviews.shop.svc.cluster.local', port: 80 }],
    ['example.com.:443', { kind: 'hostname', hostname: 'example.com', port: 443 }],
    ['_grpc._tcp.api.shop:1', { kind: 'hostname', hostname: '_grpc._tcp.api.shop', port: 1 }],
    [`${name253}:65535`, { kind: 'hostname', hostname: name253, port: 65_535 }],
  ])('%s', (text, authority) => {
    expect(parseAuthority(text)).toEqual({ ok: true, authority });
  });
});

describe('parseAuthority refuses', () => {
  it.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['a host without a port', 'example.com'],
    ['an empty port', 'example.com:'],
    ['an empty host', ':80'],
    ['port 0', 'example.com:0'],
    ['port 65536', 'example.com:65536'],
    ['a signed port', 'example.com:+80'],
    ['a port with a leading zero', 'example.com:080'],
    ['a port with a space', 'example.com: 80'],
    ['userinfo', 'user@example.com:80'],
    ['userinfo before an address', 'a:b@10.0.0.1:80'],
    ['a path', 'example.com/x:80'],
    ['a scheme', 'http://example.com:80'],
    ['IPv6 without brackets', '2001:db8::1:80'],
    ['an IPv6 zone', '[fe80::1%eth0]:80'],
    ['IPv4 in brackets', '[10.0.0.1]:80'],
    ['an unclosed bracket', '[::1:80'],
    ['text behind the bracket', '[::1]x:80'],
    ['an IPv4 address of large octets', '10.0.0.256:80'],
    ['an IPv4 address of three octets', '10.0.1:80'],
    ['an octal-looking address', '010.0.0.1:80'],
    ['an empty label', 'a..b:80'],
    ['two root dots', 'a.b..:80'],
    ['a label that starts with a hyphen', '-a.b:80'],
    ['a label of 64', `${'a'.repeat(64)}:80`],
    ['a name of 254', `${name253}a:80`],
    ['a control character', 'a\u0000b:80'],
    ['a line break', 'a\r\nb:80'],
    ['a letter outside ASCII', 'rev\u00efews:80'],
    ['a megabyte', `${'a'.repeat(1 << 20)}:80`],
  ])('%s', (_, text) => {
    expect(parseAuthority(text)).toMatchObject({ ok: false, reason: expect.stringMatching(/./) });
  });

  it('and never repeats a long text in its reason', () => {
    const reading = parseAuthority(`${'a'.repeat(100_000)}:80`);

    expect(reading.ok ? 0 : reading.reason.length).toBeLessThan(100);
  });
});

it('formatAuthority puts IPv6 in brackets', () => {
  expect(formatAuthority({ kind: 'address', ip: '2001:db8::1', port: 80 })).toBe('[2001:db8::1]:80');
});
