import 'reflect-metadata';
import { inspect } from 'node:util';
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { createSigningRequest } from '../../../src/identity/index.js';

const identity = 'spiffe://cluster.local/ns/shop/sa/reviews';

describe('a signing request', () => {
  it('asks for one critical URI without a subject, as ztunnel does', async () => {
    const { csr } = await createSigningRequest(identity);

    const request = new Pkcs10CertificateRequest(csr);
    const [names] = request.extensions.filter((extension) => extension instanceof SubjectAlternativeNameExtension);
    expect(request.subject).toBe('');
    expect(request.extensions).toHaveLength(1);
    expect(names?.critical).toBe(true);
    expect(names?.names.toJSON()).toEqual([{ type: 'url', value: identity }]);
    expect(csr).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n[\s\S]+\n-----END CERTIFICATE REQUEST-----\n$/);
  });

  it('is signed by its ECDSA P-256 key with SHA-256', async () => {
    const { csr, privateKey } = await createSigningRequest(identity);

    const request = new Pkcs10CertificateRequest(csr);
    expect(await request.verify()).toBe(true);
    expect(request.signatureAlgorithm).toMatchObject({ name: 'ECDSA', hash: { name: 'SHA-256' } });
    expect(privateKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });

  it('has a key of its own each time', async () => {
    const [first, second] = await Promise.all([createSigningRequest(identity), createSigningRequest(identity)]);

    expect(first.privateKey.equals(second.privateKey)).toBe(false);
  });

  it('does not show its key when printed or serialised', async () => {
    const request = await createSigningRequest(identity);

    const secret = request.privateKey.export({ format: 'jwk' }).d ?? '';
    expect(secret.length).toBeGreaterThan(40);
    for (const shown of [JSON.stringify(request), inspect(request, { depth: null, showHidden: true })]) {
      expect(shown).not.toContain(secret);
      expect(shown).not.toContain('PRIVATE KEY');
    }
  });
});
