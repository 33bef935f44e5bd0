import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { connect, TLSSocket } from 'node:tls';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CaClientInit,
  createCaClient,
  createCertificateManager,
  createSigningRequest,
  type WorkloadCertificate,
} from '../../../src/identity/index.js';
import { createScope, type Scope } from '../../../src/runtime/index.js';
import { createTestAuthority } from '../../../src/testing.js';
import type { Fault } from '../../../src/wire/index.js';
import { type CertificateCall, type ControlPlaneInit, startControlPlane } from '../../support/control-plane.js';
import { createInbox } from '../../support/inbox.js';
import { createServerCertificates } from '../../support/server-certificates.js';

const reviews = 'spiffe://cluster.local/ns/shop/sa/reviews';
const ratings = 'spiffe://cluster.local/ns/shop/sa/ratings';
const certificates = await createServerCertificates();
const authority = await createTestAuthority();

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

/** A CA that certifies whatever it is asked to impersonate, and `reviews` otherwise. */
const grant = async ({ request }: CertificateCall) => {
  const asked = request.metadata?.ImpersonatedIdentity;
  return [await authority.sign(request.csr, typeof asked === 'string' ? asked : reviews), authority.rootPem];
};

async function startCa(createCertificate: NonNullable<ControlPlaneInit['createCertificate']> = grant) {
  const calls: CertificateCall[] = [];
  const server = await startControlPlane({
    certificates,
    createCertificate: (call) => {
      calls.push(call);
      return createCertificate(call);
    },
  });
  scope.own(() => server.stop());
  return { address: server.address, calls };
}

type Init = Omit<Partial<CaClientInit>, 'roots' | 'certificate'>;

function client(address: string, init: Init = {}) {
  return createCaClient({ address, roots: certificates.rootPem, asks: 'own', ...init });
}

async function faultOf(address: string, init: Init = {}, signal = scope.signal): Promise<Fault> {
  const { csr } = await createSigningRequest(reviews);
  return client(address, init)
    .sign({ identity: reviews, csr }, signal)
    .then(
      () => {
        throw new Error('a certificate was granted');
      },
      (fault: Fault) => fault,
    );
}

describe('a CA client', () => {
  it('sends the request, who it is, and for how long', async () => {
    const { address, calls } = await startCa();
    const { csr } = await createSigningRequest(reviews);

    const chain = await client(address, { token: 'jwt\n', clusterId: 'east' }).sign(
      { identity: reviews, csr },
      scope.signal,
    );

    expect(chain).toHaveLength(2);
    expect(calls[0]?.headers).toMatchObject({ authorization: 'Bearer jwt', clusterid: 'east' });
    expect(calls[0]?.request).toMatchObject({ csr, validityDuration: 86_400n });
    expect(calls[0]?.request.metadata).toBeUndefined();
  });

  it('names the workload it asks for on behalf of', async () => {
    const { address, calls } = await startCa();
    const { csr } = await createSigningRequest(ratings);

    await client(address, { asks: 'impersonate', ttlSeconds: 600 }).sign({ identity: ratings, csr }, scope.signal);

    expect(calls[0]?.request.metadata).toEqual({ ImpersonatedIdentity: ratings });
    expect(calls[0]?.request.validityDuration).toBe(600n);
  });

  it('reads its token again for each request', async () => {
    const { address, calls } = await startCa();
    const tokens = ['first', 'second'];
    const ca = client(address, { token: () => tokens.shift() ?? 'none left' });
    const { csr } = await createSigningRequest(reviews);

    await ca.sign({ identity: reviews, csr }, scope.signal);
    await ca.sign({ identity: reviews, csr }, scope.signal);

    expect(calls.map(({ headers }) => headers.authorization)).toEqual(['Bearer first', 'Bearer second']);
  });

  it('passes on what the CA says', async () => {
    const { address } = await startCa(() =>
      Promise.reject(
        Object.assign(new Error(), { code: status.UNAUTHENTICATED, details: 'request authenticate failure' }),
      ),
    );

    const fault = await faultOf(address);

    expect(fault.code).toBe('IDENTITY_UNAVAILABLE');
    expect(fault.message).toBe(
      `certificate of ${reviews}: the CA at ${address} answered UNAUTHENTICATED: request authenticate failure`,
    );
    expect((fault.cause as ServiceError).code).toBe(status.UNAUTHENTICATED);
  });

  it('does not wait longer than it may', async () => {
    const { address } = await startCa(() => new Promise(() => {}));

    const fault = await faultOf(address, { timeoutMs: 100 });

    expect(fault.message).toMatch(/answered DEADLINE_EXCEEDED: /);
  });

  it('can be called off', async () => {
    const controller = new AbortController();
    const { address } = await startCa(() => {
      controller.abort();
      return new Promise(() => {});
    });

    const fault = await faultOf(address, {}, controller.signal);

    expect(fault.message).toMatch(/answered CANCELLED: /);
  });

  it('never sends its token to a server of another root', async () => {
    const { address, calls } = await startCa();
    const { rootPem } = await createServerCertificates();
    const { csr } = await createSigningRequest(reviews);
    const ca = createCaClient({ address, roots: rootPem, asks: 'own', token: 'secret' });

    await expect(ca.sign({ identity: reviews, csr }, scope.signal)).rejects.toThrow(
      /answered UNAVAILABLE: unable to verify the first certificate: .* have to be those of that control plane$/,
    );
    expect(calls).toEqual([]);
  });

  it('says that nobody answers', async () => {
    const server = await startControlPlane({ certificates });
    server.stop();

    const fault = await faultOf(server.address);

    expect(fault.message).toMatch(/answered UNAVAILABLE: connect ECONNREFUSED 127\.0\.0\.1:\d+$/);
  });

  it('says which of its sources it could not read', async () => {
    const fault = await faultOf('127.0.0.1:1', { token: () => Promise.reject(new Error('ENOENT: istio-token')) });

    expect(fault.message).toBe(`certificate of ${reviews}: cannot read the token: ENOENT: istio-token`);
  });
});

describe('certificates of the manager', () => {
  it('serve for mTLS between two workloads, over TLS 1.3', async () => {
    const { address } = await startCa();
    const manager = createCertificateManager(scope, { ca: client(address, { asks: 'impersonate' }) });

    const [ours, theirs] = await Promise.all([manager.certificate(reviews), manager.certificate(ratings)]);
    const seen = await handshake(ours, theirs);

    expect(seen).toEqual({
      protocol: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      refusedByClient: null,
      refusedByServer: null,
      seenByClient: `URI:${ratings}`,
      seenByServer: `URI:${reviews}`,
    });
  });

  it('are refused when the CA certifies somebody else', async () => {
    const { address } = await startCa(async ({ request }) => [
      await authority.sign(request.csr, reviews),
      authority.rootPem,
    ]);
    const manager = createCertificateManager(scope, { ca: client(address, { asks: 'impersonate' }) });

    await expect(manager.certificate(ratings)).rejects.toThrow(
      `certificate of ${ratings}: the certificate is for ${reviews}, not for ${ratings}`,
    );
  });
});

/** A TLS handshake on loopback in which both sides verify each other. */
async function handshake(clientCertificate: WorkloadCertificate, serverCertificate: WorkloadCertificate) {
  const { secureContext } = serverCertificate;
  const verified = createInbox<TLSSocket>();
  const server = createServer((raw) => {
    const socket = new TLSSocket(raw, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: true });
    socket.once('secure', () => verified.put(socket));
  });
  server.listen(0, '127.0.0.1');
  scope.own(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({
    port,
    host: '127.0.0.1',
    secureContext: clientCertificate.secureContext,
    // Workloads are known by their identity, not by a host name.
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  const peer = await verified.next();
  const result = {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    refusedByClient: socket.authorizationError,
    // Node keeps the result of a bare server socket to itself; only tls.Server looks at it.
    refusedByServer: (peer as unknown as { readonly ssl: { verifyError(): Error | null } }).ssl.verifyError(),
    seenByClient: socket.getPeerCertificate().subjectaltname,
    seenByServer: peer.getPeerCertificate().subjectaltname,
  };
  socket.destroy();
  peer.destroy();
  return result;
}
