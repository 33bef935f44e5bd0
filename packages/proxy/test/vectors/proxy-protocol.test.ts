import { describe, expect, it } from 'vitest';
import { proxyProtocolHeader } from '../../src/roles/ztunnel/proxy-protocol.js';

const peerIdentity = 'spiffe://td/ns/a/sa/b';
const hex = (text: string) => Buffer.from(text).toString('hex');
const SIGNATURE = '0d0a0d0a000d0a515549540a';
const IDENTITY = `d00015${hex(peerIdentity)}`;
const at = (host: string, port: number) => ({ host, port });

/** Laid out by section 2.2 of haproxy's proxy-protocol.txt: signature, version and command, family, length, addresses, TLVs. */
describe('the PROXY protocol header', () => {
  it.each([
    ['IPv4', at('10.0.0.1', 40000), at('10.99.0.9', 80), `2111${'0024'}0a0000010a6300099c400050${IDENTITY}`],
    [
      'IPv4 of a dual-stack socket',
      at('::ffff:10.0.0.1', 40000),
      at('10.99.0.9', 80),
      `2111${'0024'}0a0000010a6300099c400050${IDENTITY}`,
    ],
    [
      'IPv6',
      at('fd00::1', 40000),
      at('fd00::2', 80),
      `2121${'003c'}fd00${'00'.repeat(13)}01fd00${'00'.repeat(13)}029c400050${IDENTITY}`,
    ],
    [
      'different families, which it has no pair for',
      at('10.0.0.1', 40000),
      at('fd00::2', 80),
      `2101${'0018'}${IDENTITY}`,
    ],
  ])('of %s', (_, source, destination, rest) => {
    const header = proxyProtocolHeader({ source, destination, peerIdentity });

    expect(header.toString('hex')).toBe(`${SIGNATURE}${rest}`);
  });

  it('names the host that was asked for by name, in the field Istio assigned', () => {
    const header = proxyProtocolHeader({
      source: at('10.0.0.1', 40000),
      destination: at('10.99.0.9', 80),
      peerIdentity,
      hostname: 'reviews.shop.svc.cluster.local',
    });

    const name = `d1001e${hex('reviews.shop.svc.cluster.local')}`;
    expect(header.toString('hex')).toBe(`${SIGNATURE}2111${'0045'}0a0000010a6300099c400050${IDENTITY}${name}`);
  });
});
