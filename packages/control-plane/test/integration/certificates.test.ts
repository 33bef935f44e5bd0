import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { type ServiceError, status } from '@grpc/grpc-js';
import { certificateService } from '@isthmus/sdk/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as x509 from '../../src/ca/x509.js';
import { generateKey, makeCacerts } from '../../src/index.js';
import { makeRequest } from '../support/csr.js';
import { AMBIENT, namespace, pod } from '../support/objects.js';
import {
  type CertificateRequest,
  openStream,
  proxyNode,
  requestCertificate,
  startPlane,
  type TestPlane,
} from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

const ZTUNNEL = 'spiffe://cluster.local/ns/istio-system/sa/ztunnel';
const REVIEWS = 'spiffe://cluster.local/ns/shop/sa/reviews';

let test: TestPlane;
beforeAll(async () => {
  const objects = [
    namespace('shop', AMBIENT),
    pod('reviews-1', { account: 'reviews', node: 'node-1' }),
    pod('ratings-1', { account: 'ratings', node: 'node-2', ip: '10.1.0.2' }),
  ];
  test = await startPlane({ clusters: { east: { 'a.yaml': objects } } });
});
afterAll(() => test.close());

async function refusal(init: CertificateRequest): Promise<{ code: string; details: string }> {
  const error = await requestCertificate(test, init).then(
    () => {
      throw new Error('a certificate was issued');
    },
    (reason: ServiceError) => reason,
  );
  return { code: status[error.code], details: error.details };
}

describe('issuing certificates', () => {
  it('gives a caller its own certificate in the profile of istiod, whatever names it asked for', async () => {
    const before = Date.now();
    const { csr } = await makeRequest([{ type: 'url', value: 'spiffe://cluster.local/ns/shop/sa/admin' }]);

    const chain = await requestCertificate(test, {
      csr,
      token: await test.token({ namespace: 'shop', serviceAccount: 'reviews' }),
      ttlSeconds: 3600,
    });

    const [leaf, intermediate, roots] = chain.map((pem) => new X509Certificate(pem));
    expect(chain).toHaveLength(3);
    expect(leaf!.subjectAltName).toBe(`URI:${REVIEWS}`);
    expect(leaf!.subject).toBeUndefined();
    expect(leaf!.ca).toBe(false);
    expect(leaf!.verify(intermediate!.publicKey)).toBe(true);
    expect(intermediate!.verify(roots!.publicKey)).toBe(true);
    expect(chain[2]).toBe(test.rootPem);
    const parsed = new x509.X509Certificate(chain[0]!);
    expect(parsed.getExtension(x509.SubjectAlternativeNameExtension)?.critical).toBe(true);
    expect(parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual([
      x509.ExtendedKeyUsage.serverAuth,
      x509.ExtendedKeyUsage.clientAuth,
    ]);
    expect(parsed.notBefore.getTime()).toBeLessThanOrEqual(before - 119_000);
    expect(parsed.notAfter.getTime() - before).toBeGreaterThan(3_598_000);
    expect(parsed.notAfter.getTime() - before).toBeLessThan(3_620_000);
  });

  it('gives a node proxy the certificates of the workloads on its node, bound to the key it sent', async () => {
    const { csr, key } = await makeRequest();
    const token = await test.token({ pod: 'ztunnel-1', node: 'node-1' });

    const chain = await requestCertificate(test, { csr, token, impersonate: REVIEWS });

    const leaf = new X509Certificate(chain[0]!);
    expect(leaf.subjectAltName).toBe(`URI:${REVIEWS}`);
    const server = createServer({ key, cert: chain.slice(0, -1).join(''), minVersion: 'TLSv1.3' });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const socket: TLSSocket = connectTls({
      port,
      host: '127.0.0.1',
      ca: test.rootPem,
      checkServerIdentity: () => undefined,
    });
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
    socket.destroy();
    server.close();
  });

  it('renews over mTLS with the certificate it gave, and serves discovery over it too', async () => {
    const first = await makeRequest();
    const chain = await requestCertificate(test, { csr: first.csr, token: await test.token({}) });
    const certificate = { key: first.key, chain: chain.slice(0, -1).join('') };

    const renewed = await requestCertificate(test, { csr: (await makeRequest()).csr, certificate });
    const client = openStream(test, { certificate });
    client.send(request(ADDRESS, { node: proxyNode() }));
    const response = await client.accept();
    await client.close();

    expect(new X509Certificate(renewed[0]!).subjectAltName).toBe(`URI:${ZTUNNEL}`);
    expect(response.names).toContain('east//Pod/shop/reviews-1');
  });

  it('is shared by clusters below one root: a certificate of one is a caller at the other', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-root-'));
    const clusters = { west: { 'a.yaml': [namespace('shop')] } };
    const [one, two] = [
      await startPlane({ clusters, root: directory }),
      await startPlane({ clusters, root: directory }),
    ];
    const { csr, key } = await makeRequest();

    const chain = await requestCertificate(one, { csr, token: await one.token({}) });
    const renewed = await requestCertificate(two, {
      csr: (await makeRequest()).csr,
      certificate: { key, chain: chain.slice(0, -1).join('') },
    });

    expect(new X509Certificate(renewed[0]!).subjectAltName).toBe(`URI:${ZTUNNEL}`);
    await one.close();
    await two.close();
    await rm(directory, { recursive: true });
  });

  it('signs with another CA as soon as its files are there, and with the old one while they are broken', async () => {
    const clusters = { east: { 'a.yaml': [namespace('shop')] } };
    const rotated = await startPlane({ clusters });
    const ca = join(rotated.directory, 'ca');
    const { csr } = await makeRequest();
    const token = await rotated.token({});
    const issuer = async () => new X509Certificate((await requestCertificate(rotated, { csr, token }))[0]!).issuer;
    const before = await issuer();

    await rm(join(ca, 'ca-key.pem'));
    await rotated.logged(({ message }) => message.includes('the CA before stays in force'));
    const meanwhile = await issuer();
    await makeCacerts({
      out: ca,
      root: join(rotated.directory, 'root'),
      cluster: 'renamed',
      trustDomain: 'cluster.local',
      now: Date.now(),
    });
    await rotated.logged(({ message }) => message === 'serving certificate renewed');
    const after = await issuer();

    expect(before).toContain('Intermediate CA of east');
    expect(meanwhile).toBe(before);
    expect(after).toContain('Intermediate CA of renamed');
    await rotated.close();
  });
});

describe('refusing certificates', () => {
  it('to callers that do not prove who they are', async () => {
    const { csr } = await makeRequest();
    const foreign = await test.token({ key: generateKey() });
    const expired = await test.token({ ttlMs: -1000 });
    const elsewhere = await test.token({ audience: 'kubernetes' });

    expect(await refusal({ csr })).toMatchObject({
      code: 'UNAUTHENTICATED',
      details: expect.stringContaining('neither a client certificate of this mesh nor an authorization header'),
    });
    expect(await refusal({ csr, token: foreign })).toMatchObject({
      code: 'UNAUTHENTICATED',
      details: expect.stringContaining('it is not signed by any key of isthmus-control-plane'),
    });
    expect(await refusal({ csr, token: expired })).toMatchObject({
      code: 'UNAUTHENTICATED',
      details: expect.stringContaining('that of istio-system/ztunnel has expired, at '),
    });
    expect(await refusal({ csr, token: elsewhere })).toMatchObject({
      code: 'UNAUTHENTICATED',
      details: expect.stringContaining('is for the audience kubernetes, not istio-ca'),
    });
    expect(await refusal({ csr, token: 'x.y.z' })).toMatchObject({
      code: 'UNAUTHENTICATED',
      details: expect.stringContaining('it is not a JWT'),
    });
  });

  it('for identities that the caller may not have', async () => {
    const { csr } = await makeRequest();
    const node1 = await test.token({ pod: 'ztunnel-1', node: 'node-1' });
    const denied = (details: string) => ({ code: 'PERMISSION_DENIED', details: expect.stringContaining(details) });

    expect(await refusal({ csr, token: node1, impersonate: REVIEWS.replace('reviews', 'ratings') })).toMatchObject(
      denied('no workload of shop/ratings is on node node-1'),
    );
    expect(await refusal({ csr, token: await test.token({}), impersonate: REVIEWS })).toMatchObject(
      denied('not bound to a node'),
    );
    expect(await refusal({ csr, token: node1, impersonate: REVIEWS.replace('cluster.local', 'other') })).toMatchObject(
      denied('of another trust domain'),
    );
    expect(await refusal({ csr, token: node1, impersonate: 'reviews' })).toMatchObject(
      denied('is not a SPIFFE workload identity'),
    );
    const ordinary = await test.token({ namespace: 'shop', serviceAccount: 'ratings', node: 'node-1' });
    expect(await refusal({ csr, token: ordinary, impersonate: REVIEWS })).toMatchObject(
      denied('shop/ratings may only have its own certificate'),
    );
  });

  it('for requests that are not as they should be', async () => {
    const token = await test.token({});
    const { csr } = await makeRequest();
    const other = await makeRequest();
    const weak = await makeRequest([], {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 1024,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    });
    const invalid = (details: string) => ({ code: 'INVALID_ARGUMENT', details: expect.stringContaining(details) });

    expect(await refusal({ token, csr: 'nonsense' })).toMatchObject(
      invalid('CSR signing error (CSR_ERROR): not a PKCS#10 request'),
    );
    expect(await refusal({ token, csr: withSignatureOf(csr, other.csr) })).toMatchObject(
      invalid('its signature does not verify'),
    );
    expect(await refusal({ token, csr: weak.csr })).toMatchObject(invalid('an RSA key of 1024 bits is too weak'));
    expect(await refusal({ token, csr: 'x'.repeat(40_000) })).toMatchObject(invalid('longer than'));
    expect(await refusal({ token, csr, ttlSeconds: 91 * 86_400 })).toMatchObject(
      invalid('CSR signing error (TTL_ERROR)'),
    );
  });

  it('never puts a key or a token into the log', async () => {
    const token = await test.token({});
    await requestCertificate(test, { csr: (await makeRequest()).csr, token });

    const text = JSON.stringify(test.logs);

    expect(text).not.toContain('PRIVATE KEY');
    expect(text).not.toContain(token.split('.')[2]);
    expect(text).toContain('certificate issued');
  });
});

describe('the listener', () => {
  it('answers strangers before it reads what they send', async () => {
    const session = connectHttp2(`https://localhost:${test.plane.ports.listen}`, { ca: test.rootPem });
    const path = certificateService.createCertificate.path;
    // Headers only: the message never comes.
    const stream = session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      { endStream: false },
    );

    const [headers] = (await once(stream, 'response')) as [Record<string, string>];

    expect(headers['grpc-status']).toBe(String(status.UNAUTHENTICATED));
    session.destroy();
  });

  it('speaks TLS 1.3 only, and is whom the configuration says', async () => {
    const port = test.plane.ports.listen;
    const old = connectTls({ port, host: '127.0.0.1', ca: test.rootPem, maxVersion: 'TLSv1.2' });
    const [error] = (await once(old, 'error').catch((reason: Error) => [reason])) as [Error];
    const current = connectTls({ port, host: '127.0.0.1', ca: test.rootPem, ALPNProtocols: ['h2'] });
    await once(current, 'secureConnect');

    expect(error.message).toMatch(/protocol version/);
    expect(current.authorized).toBe(true);
    expect(current.alpnProtocol).toBe('h2');
    expect(current.getPeerX509Certificate()?.subjectAltName).toBe(
      'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
    );
    current.destroy();
  });
});

/** The first request with the signature of the second: it does not prove to hold its key. */
function withSignatureOf(csr: string, other: string): string {
  const bytes = Buffer.from(csr.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const foreign = Buffer.from(other.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const mixed = Buffer.concat([bytes.subarray(0, bytes.length - 20), foreign.subarray(foreign.length - 20)]);
  return `-----BEGIN CERTIFICATE REQUEST-----\n${mixed.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
}
