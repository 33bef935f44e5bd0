import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { createTestAuthority, createVirtualClock } from '../../../src/testing.js';

const SHOP = 'spiffe://cluster.local/ns/shop/sa/web';

describe('the test authority', () => {
  it('issues certificates that chain to its root and carry exactly the SPIFFE id asked for', async () => {
    const authority = await createTestAuthority();

    const certificate = await authority.issue(SHOP);

    const leaf = new X509Certificate(certificate.chain[0] ?? '');
    expect(leaf.subjectAltName).toBe(`URI:${SHOP}`);
    expect(leaf.verify(new X509Certificate(authority.rootPem).publicKey)).toBe(true);
    expect(leaf.serialNumber.toLowerCase()).toBe(certificate.serialNumber);
    expect(certificate).toMatchObject({ identity: SHOP, trustDomain: 'cluster.local' });
  });

  it('keeps to the validity asked for, to the second', async () => {
    const authority = await createTestAuthority();
    const notBefore = new Date('2026-01-01T00:00:00Z');
    const notAfter = new Date('2026-01-01T01:00:00Z');

    const certificate = await authority.issue(SHOP, { notBefore, notAfter });

    expect(certificate.notBefore).toBe(notBefore.getTime());
    expect(certificate.notAfter).toBe(notAfter.getTime());
  });

  it('signs the key of a certificate request under the identity it decides', async () => {
    const authority = await createTestAuthority();
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });

    const leaf = new X509Certificate(await authority.sign(request.toString('pem'), SHOP));

    expect(leaf.subjectAltName).toBe(`URI:${SHOP}`);
    expect(leaf.publicKey.export({ type: 'spki', format: 'der' })).toEqual(
      Buffer.from(await crypto.subtle.exportKey('spki', keys.publicKey)),
    );
  });
});

describe('the virtual clock', () => {
  it('runs tasks in due order, the first scheduled first, including those that tasks schedule', () => {
    const clock = createVirtualClock();
    const ran: string[] = [];
    clock.schedule(20, () => ran.push('late'));
    clock.schedule(10, () => {
      ran.push('early');
      clock.schedule(5, () => ran.push('nested'));
    });
    clock.schedule(10, () => ran.push('early too'));

    clock.advance(20);

    expect(ran).toEqual(['early', 'early too', 'nested', 'late']);
    expect(clock.monotonic()).toBe(20);
    expect(clock.pending).toBe(0);
  });

  it('never runs what was cancelled', () => {
    const clock = createVirtualClock();
    let ran = 0;
    const cancel = clock.schedule(10, () => {
      ran += 1;
    });

    cancel();
    clock.advance(100);

    expect(ran).toBe(0);
  });
});
