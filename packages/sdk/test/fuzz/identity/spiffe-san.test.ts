/** Names out of a certificate, as Node writes them; nothing another kind of name contains may pass for a URI. */
import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { urisOf } from '../../../src/identity/spiffe-san.js';

const URI = 'spiffe://cluster.local/ns/shop/sa/web';

describe('URI names', () => {
  it.each([
    [undefined, []],
    ['', []],
    [`URI:${URI}`, [URI]],
    [`DNS:web.shop, URI:${URI}, IP Address:10.0.0.1, URI:spiffe://other/ns/a/sa/b`, [URI, 'spiffe://other/ns/a/sa/b']],
    [`DNS:"evil, URI:${URI}"`, []],
    [`DNS:"evil, URI:${URI}, DNS:x", URI:spiffe://real/ns/a/sa/b`, ['spiffe://real/ns/a/sa/b']],
    [`DNS:"quote \\", URI:${URI}"`, []],
    [`URI:"${URI}"`, []],
    [`URI:${URI}, "`, []],
  ])('of %j are %j', (name, expected) => {
    expect(urisOf(name)).toEqual(expected);
  });

  it('of real certificates never come from a DNS name, whatever it holds', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const piece = fc.constantFrom('URI:', URI, ', ', '"', '\\', 'DNS:', 'a', ':', '/', ' ');
    const dnsName = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));

    await fc.assert(
      fc.asyncProperty(dnsName, async (value) => {
        const certificate = await x509.X509CertificateGenerator.createSelfSigned({
          keys,
          signingAlgorithm: algorithm,
          extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value }])],
        });

        const { subjectAltName } = new X509Certificate(certificate.toString('pem'));

        expect(urisOf(subjectAltName)).toEqual([]);
      }),
      { seed: 3, numRuns: 80 },
    );
  });
});
