import { createPrivateKey } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createSigningRequest, parseTrustBundle, readIssuedChain, splitPem } from '../../../src/identity/index.js';
import { createTestAuthority } from '../../../src/testing.js';
import { createRoot } from '../../support/certificate-chains.js';

const identity = 'spiffe://cluster.local/ns/shop/sa/reviews';
const authority = await createTestAuthority();
const { csr, privateKey } = await createSigningRequest(identity);
const leaf = await authority.sign(csr, identity);

const read = (elements: readonly string[], now = Date.now()) =>
  readIssuedChain(identity, { elements, privateKey }, now);

describe('an issued chain', () => {
  it('becomes a certificate with everything a dump may show, and no key', () => {
    const certificate = read([leaf, authority.rootPem]);

    expect(certificate).toMatchObject({
      identity,
      trustDomain: 'cluster.local',
      chain: [leaf],
      roots: [authority.rootPem],
    });
    expect(certificate.notAfter - certificate.notBefore).toBe(25 * 3_600_000);
    const secret = privateKey.export({ format: 'jwk' }).d ?? '';
    for (const shown of [JSON.stringify(certificate), inspect(certificate, { depth: null, showHidden: true })]) {
      expect(shown).not.toContain('PRIVATE KEY');
      expect(shown).not.toContain(secret);
    }
  });

  it('may have intermediates, several to an element even', async () => {
    const root = await createRoot('root');
    const upper = await root.intermediate();
    const lower = await upper.intermediate();
    const signed = await lower.sign(csr, identity);

    const apart = read([signed, lower.pem, upper.pem, root.pem]);
    const together = read([signed, lower.pem + upper.pem, root.pem]);

    expect(apart.chain).toEqual([signed, lower.pem, upper.pem]);
    expect(together.chain).toEqual(apart.chain);
    expect(apart.roots).toEqual([root.pem]);
  });

  it('may bring several roots, of which one is enough and an unreadable one is left out', async () => {
    const other = await createRoot('other');
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

    const certificate = read([leaf, other.pem + broken + authority.rootPem]);

    expect(certificate.roots).toEqual([other.pem, authority.rootPem]);
  });

  it.each<[string, () => Promise<readonly string[]> | readonly string[], RegExp]>([
    ['nothing', () => [], /the answer has 0 elements; a leaf first and the roots last are needed/],
    ['a leaf alone', () => [leaf], /the answer has 1 elements/],
    ['roots that are none', () => [leaf, 'hello'], /the last element of the answer, the roots, holds no certificate/],
    [
      'another identity',
      async () => [await authority.sign(csr, 'spiffe://cluster.local/ns/shop/sa/ratings'), authority.rootPem],
      /the certificate is for spiffe:\/\/cluster\.local\/ns\/shop\/sa\/ratings, not for .*reviews/,
    ],
    [
      'no identity of the mesh',
      async () => [await authority.sign(csr, 'https://example.com'), authority.rootPem],
      /the certificate is for no workload, not for/,
    ],
    [
      'another key',
      async () => [await authority.sign((await createSigningRequest(identity)).csr, identity), authority.rootPem],
      /the certificate is for another key than the one requested/,
    ],
    [
      'a root that did not sign',
      async () => [leaf, (await createRoot('other')).pem],
      /the certificate is not issued by any root in the answer/,
    ],
    [
      'a missing intermediate',
      async () => {
        const root = await createRoot('root');
        return [await (await root.intermediate()).sign(csr, identity), root.pem];
      },
      /the certificate is not issued by any root in the answer/,
    ],
    [
      'intermediates in the wrong order',
      async () => {
        const root = await createRoot('root');
        const upper = await root.intermediate();
        const lower = await upper.intermediate();
        return [await lower.sign(csr, identity), upper.pem, lower.pem, root.pem];
      },
      /the certificate is not issued by intermediate 1/,
    ],
    [
      'an intermediate that is no authority',
      async () => {
        const root = await createRoot('root');
        const workload = await root.intermediate({ ca: false });
        return [await workload.sign(csr, identity), workload.pem, root.pem];
      },
      /the certificate is not issued by intermediate 1/,
    ],
  ])('with %s is refused with the reason', async (_what, elements, reason) => {
    const answer = await elements();

    expect(() => read(answer)).toThrow(reason);
  });

  it('that is over is refused', () => {
    const certificate = read([leaf, authority.rootPem]);

    expect(() => read([leaf, authority.rootPem], certificate.notAfter)).toThrow(/the certificate expired at /);
  });
});

describe('a trust bundle', () => {
  it('splits PEM text, whatever stands between the certificates', () => {
    const text = `# comment\n${authority.rootPem}\n\nsubject=x\n${leaf}`;

    expect(splitPem(text)).toEqual([authority.rootPem, leaf]);
  });

  it('counts what it could not read', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

    const bundle = parseTrustBundle(broken + authority.rootPem);

    expect(bundle).toMatchObject({ pem: [authority.rootPem], unreadable: 1 });
  });

  it('never takes a private key for a certificate', () => {
    const key = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));

    expect(splitPem(key.export({ type: 'pkcs8', format: 'pem' }).toString())).toEqual([]);
  });
});
