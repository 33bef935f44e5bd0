/** TLS sessions that are resumed, on real sockets: when they are, and that what was proved is judged anew each time. */
import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { connect as connectPlainTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClientProofs } from '../../../src/hbone/io/peer-proof.js';
import {
  type AcceptTlsInit,
  acceptTls,
  type ConnectTlsInit,
  connectTls,
  type SecureTransport,
} from '../../../src/hbone/io/tls.js';
import { createTlsSessions, type KeptSession, type TlsSessions } from '../../../src/hbone/io/tls-sessions.js';
import { type Revocations, type WorkloadCertificate, workloadTls } from '../../../src/identity/index.js';
import { type Clock, createScope, realClock, type Scope } from '../../../src/runtime/index.js';
import { createTestAuthority, type TestAuthority } from '../../../src/testing.js';
import { REVIEWS, WEB } from '../../support/hbone-fixture.js';

let scope: Scope;
let authority: TestAuthority;
let web: WorkloadCertificate;
let reviews: WorkloadCertificate;
let sessions: TlsSessions;

beforeEach(async () => {
  scope = createScope();
  authority = await createTestAuthority();
  web = await authority.issue(WEB);
  reviews = await authority.issue(REVIEWS);
  sessions = createTlsSessions();
});
afterEach(() => scope.close());

/** A server that judges every client, one after the other. */
async function serve(init: Partial<AcceptTlsInit> = {}) {
  const verdicts: Promise<SecureTransport>[] = [];
  const asked: (() => AcceptTlsInit['certificate'])[] = [() => reviews];
  const server = createServer((transport) => {
    const certificate = asked.at(-1)?.() ?? reviews;
    const accepted = acceptTls({
      transport,
      certificate,
      clock: realClock,
      timeoutMs: 5_000,
      peer: 'client',
      ...init,
    });
    verdicts.push(accepted);
    accepted.then(
      ({ socket }) => socket.on('error', () => {}).write('hello'),
      () => {},
    );
    transport.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.own(() => void server.close());
  return {
    port: (server.address() as AddressInfo).port,
    rotate: (certificate: WorkloadCertificate) => void asked.push(() => certificate),
    /** How the server judged the client that came last. */
    last: () => verdicts.at(-1) as Promise<SecureTransport>,
  };
}

/** Shakes hands, waits for the server's first byte (tickets come before it), and hangs up. */
async function visit(port: number, init: Partial<ConnectTlsInit> = {}) {
  const secured = await connectTls({
    transport: connect({ port, host: '127.0.0.1' }),
    certificate: web,
    expected: [REVIEWS],
    clock: realClock,
    timeoutMs: 5_000,
    peer: '127.0.0.1:15008',
    sessions,
    ...init,
  });
  const { socket, peerIdentity } = secured;
  const isResumed = socket.isSessionReused();
  const closed = once(socket, 'close');
  await Promise.race([once(socket, 'data'), closed]);
  socket.destroy();
  await closed;
  return { isResumed, peerIdentity };
}

describe('a further connection to the same peer', () => {
  it('resumes the session, and both ends know each other as before', async () => {
    const server = await serve();
    const first = await visit(server.port);
    const atServer = await server.last();

    const second = await visit(server.port);
    const again = await server.last();

    expect([first.isResumed, second.isResumed]).toEqual([false, true]);
    expect([second.peerIdentity, again.peerIdentity]).toEqual([REVIEWS, WEB]);
    expect(again.proof.names).toEqual(atServer.proof.names);
  });

  it('of TLS 1.2 shakes hands in full: what is told of resumption holds for 1.3', async () => {
    const tls12 = workloadTls({ tls12: true, compliance: undefined });
    const peer = await authority.issue(REVIEWS, { tls: { ...tls12, maxVersion: 'TLSv1.2' } });
    const certificate = await authority.issue(WEB, { tls: tls12 });
    const server = await serve();
    server.rotate(peer);
    await visit(server.port, { certificate });

    const { isResumed, peerIdentity } = await visit(server.port, { certificate });

    expect([isResumed, peerIdentity]).toEqual([false, REVIEWS]);
    await expect(server.last()).resolves.toMatchObject({ peerIdentity: WEB });
  });

  it.each([
    ['our certificate was renewed', async () => ({ certificate: await authority.issue(WEB) })],
    ['somebody else is expected too', async () => ({ expected: [REVIEWS, WEB] })],
    ['it is dialled by another address', async () => ({ peer: '127.0.0.2:15008' })],
    ['there are no sessions to look for', async () => ({ sessions: undefined })],
  ])('shakes hands in full when %s', async (_, change) => {
    const { port } = await serve();
    await visit(port);

    const { isResumed } = await visit(port, await change());

    expect(isResumed).toBe(false);
  });

  it("shakes hands in full when the peer's certificate or roots were renewed", async () => {
    const server = await serve();
    await visit(server.port);
    server.rotate(await authority.issue(REVIEWS));

    const { isResumed, peerIdentity } = await visit(server.port);

    expect([isResumed, peerIdentity]).toEqual([false, REVIEWS]);
  });

  it('of a foreign TLS stack with a ticket of ours is served: tickets are no trap for others', async () => {
    const { port } = await serve();
    const pem = await authority.issuePem(WEB);
    const shake = async (session?: Buffer) => {
      const tls = connectPlainTls({
        ...pem,
        port,
        host: '127.0.0.1',
        ALPNProtocols: ['h2'],
        checkServerIdentity: () => undefined,
        ...(session && { session }),
      });
      tls.on('error', () => {});
      const ticket = once(tls, 'session');
      await once(tls, 'data');
      const isResumed = tls.isSessionReused();
      const kept = isResumed ? undefined : ((await ticket)[0] as Buffer);
      tls.destroy();
      return { isResumed, kept };
    };

    const { kept } = await shake();
    const { isResumed } = await shake(kept);

    expect(isResumed).toBe(true);
  });
});

describe('what was proved is judged anew: a resumed peer', () => {
  it('with a name that is not expected any more is refused', async () => {
    const { port } = await serve();
    await visit(port);
    // As if the ticket could be found under any list of names.
    const kept = sessions.find({ certificate: web, peer: '127.0.0.1:15008', expected: [REVIEWS] }, Date.now());
    const careless: TlsSessions = { find: () => kept, keep() {}, drop() {} };

    const outcome = visit(port, { sessions: careless, expected: [WEB] });

    expect(kept).toBeDefined();
    await expect(outcome).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH' });
  });

  it('whose proof is not known is refused', async () => {
    const { port } = await serve();
    await visit(port);
    const kept = sessions.find({ certificate: web, peer: '127.0.0.1:15008', expected: [REVIEWS] }, Date.now());
    const forgetful: TlsSessions = {
      find: () => kept && ({ ticket: kept.ticket } as KeptSession),
      keep() {},
      drop() {},
    };

    const outcome = visit(port, { sessions: forgetful });

    await expect(outcome).rejects.toMatchObject({ code: 'TLS_FAILURE', message: expect.stringContaining('not known') });
  });

  it('whose certificate has expired since is refused, as server and as client', async () => {
    let now = Date.now();
    const clock: Clock = { ...realClock, now: () => now };
    const server = await serve({ clock });
    web = await authority.issue(WEB, { notAfter: new Date(now + 60_000) });
    await visit(server.port, { clock });
    now += 61_000;

    const outcome = await visit(server.port);
    const atServer = server.last();

    expect(outcome.isResumed).toBe(true);
    await expect(atServer).rejects.toMatchObject({ code: 'TLS_FAILURE', message: expect.stringContaining('expired') });
  });

  it('that was never trusted is not trusted for its ticket', async () => {
    const server = await serve();
    const stranger = await createTestAuthority();
    // It trusts our server, which does not trust it.
    web = await stranger.issue(WEB, { extraRoots: [authority.rootPem] });
    await visit(server.port);
    await expect(server.last()).rejects.toMatchObject({ code: 'TLS_FAILURE' });

    await visit(server.port);

    await expect(server.last()).rejects.toMatchObject({ code: 'TLS_FAILURE' });
  });

  it('whose certificate was revoked since is refused, by the client and by the server', async () => {
    const revoked = new Set<string>();
    const revocations = revoking(revoked);
    const server = await serve({ revocations, proofs: createClientProofs() });
    await visit(server.port, { revocations });
    revoked.add(web.serialNumber);
    const client = await visit(server.port, { revocations: revoking(new Set()) });
    await expect(server.last()).rejects.toMatchObject({ code: 'CERT_REVOKED' });
    revoked.add(reviews.serialNumber);

    const outcome = visit(server.port, { revocations });

    expect(client.isResumed).toBe(true);
    await expect(outcome).rejects.toMatchObject({ code: 'CERT_REVOKED' });
  });

  it('whose chain the server does not remember is refused where there are revocation lists', async () => {
    const revocations = revoking(new Set());
    let proofs = createClientProofs();
    const server = await serve({
      revocations,
      proofs: { of: (socket, now) => proofs.of(socket, now) },
    });
    await visit(server.port);
    const remembered = await visit(server.port);
    await server.last();
    proofs = createClientProofs();

    const forgotten = await visit(server.port);

    expect([remembered.isResumed, forgotten.isResumed]).toEqual([true, true]);
    await expect(server.last()).rejects.toMatchObject({ message: expect.stringContaining('not known') });
  });
});

describe('a ticket', () => {
  it('is not used after five minutes, nor after the certificate behind it', () => {
    const proof = { names: [REVIEWS], notAfter: 400_000, chain: () => [], isLeafOnly: false };
    const key = { certificate: web, peer: 'a', expected: [REVIEWS] };
    sessions.keep(key, { ticket: Buffer.from('t'), proof }, 0);
    const early = [299_999, 300_000].map((now) => sessions.find(key, now) !== undefined);
    sessions.keep(key, { ticket: Buffer.from('t'), proof }, 200_000);

    const late = [399_999, 400_000].map((now) => sessions.find(key, now) !== undefined);

    expect([early, late]).toEqual([
      [true, false],
      [true, false],
    ]);
  });

  it('is one of 256 for a certificate: the oldest makes room', () => {
    const proof = { names: [REVIEWS], notAfter: 400_000, chain: () => [], isLeafOnly: false };
    const keyOf = (peer: string) => ({ certificate: web, peer, expected: [REVIEWS] });
    for (let peer = 0; peer <= 256; peer++) {
      sessions.keep(keyOf(String(peer)), { ticket: Buffer.from('t'), proof }, 0);
    }

    const found = ['0', '1', '256'].map((peer) => sessions.find(keyOf(peer), 0) !== undefined);

    expect(found).toEqual([false, true, true]);
  });

  it('that was offered when a handshake failed is not offered again', async () => {
    const server = await serve();
    await visit(server.port);
    const broken = createServer((socket) => socket.destroy());
    broken.listen(0, '127.0.0.1');
    await once(broken, 'listening');
    scope.own(() => void broken.close());

    await expect(visit((broken.address() as AddressInfo).port)).rejects.toMatchObject({ code: 'TLS_FAILURE' });
    const { isResumed } = await visit(server.port);

    expect(isResumed).toBe(false);
  });
});

/** Lists with these serial numbers on them. */
function revoking(serials: ReadonlySet<string>): Revocations {
  return {
    async check(chain: readonly X509Certificate[]) {
      return chain.some(({ serialNumber }) => serials.has(serialNumber.toLowerCase())) ? 'on a list' : undefined;
    },
    watch: () => () => {},
  };
}
