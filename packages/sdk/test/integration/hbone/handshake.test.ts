/** Who gets in and who does not, and what both sides are told. Real TLS. */
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestAuthority, createVirtualClock } from '../../../src/testing.js';
import {
  createHboneFixture,
  echo,
  type HboneFixture,
  REVIEWS,
  type RunningServer,
  WEB,
} from '../../support/hbone-fixture.js';

let fixture: HboneFixture;
let running: RunningServer;
beforeEach(async () => {
  fixture = await createHboneFixture();
  running = await fixture.serve(echo);
});
afterEach(() => fixture.close());

const CONNECT = { authority: '10.0.0.1:80', headers: [] };

describe('a client dialling', () => {
  // hbone §10.server.1
  it('learns who answered, and the server who called, from where, and which address was meant', async () => {
    let facts: unknown;
    const { address } = await fixture.serve((incoming) => {
      facts = incoming.connection;
      incoming.refuse(404);
    });
    const connection = await fixture.dial(address);

    await connection.connect(CONNECT).catch(() => {});

    expect(connection.peerIdentity).toBe(REVIEWS);
    expect(facts).toMatchObject({
      peerIdentity: WEB,
      remoteAddress: '127.0.0.1',
      localAddress: '127.0.0.1',
      localPort: address.port,
    });
  });

  it('dials from the address it was told to', async () => {
    let from: string | undefined;
    const { address } = await fixture.serve((incoming) => {
      from = incoming.connection.remoteAddress;
      incoming.refuse(404);
    });

    const connection = await fixture.dial({ ...address, localAddress: '127.0.0.2' });
    await connection.connect(CONNECT).catch(() => {});

    expect(from).toBe('127.0.0.2');
  });

  it("is told that the fault is its own host's when that has no such address", async () => {
    const dialling = fixture.dial({ ...running.address, localAddress: '203.0.113.1' });

    await expect(dialling).rejects.toMatchObject({
      code: 'UPSTREAM_OVERFLOW',
      message: expect.stringContaining('EADDRNOTAVAIL'),
    });
  });

  // hbone §10.client.1
  it('refuses a server with another identity than expected, before anything is sent to it', async () => {
    const other = 'spiffe://cluster.local/ns/shop/sa/ratings';

    const dialled = fixture.dial(running.address, { expected: [other] });

    await expect(dialled).rejects.toMatchObject({
      code: 'IDENTITY_MISMATCH',
      message: expect.stringContaining(REVIEWS),
    });
    expect(running.server.activeStreams).toBe(0);
  });

  it('refuses everybody when nobody is expected', async () => {
    await expect(fixture.dial(running.address, { expected: [] })).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH' });
  });

  it('refuses a server whose certificate another authority signed', async () => {
    const stranger = await createTestAuthority();
    const certificate = await stranger.issue(REVIEWS);
    const { address } = await fixture.serve(echo, { certificate: () => certificate });

    await expect(fixture.dial(address)).rejects.toMatchObject({
      code: 'TLS_FAILURE',
      message: expect.stringContaining('root that we trust'),
    });
  });

  it('refuses a server whose certificate has expired', async () => {
    const notBefore = new Date(Date.now() - 7_200_000);
    const certificate = await fixture.authority.issue(REVIEWS, { notBefore, notAfter: new Date(Date.now() - 1_000) });
    const { address } = await fixture.serve(echo, { certificate: () => certificate });

    await expect(fixture.dial(address)).rejects.toMatchObject({
      code: 'TLS_FAILURE',
      message: expect.stringContaining('expired'),
    });
  });

  // hbone §10.server.2
  it('is told when the server refuses its certificate, though TLS 1.3 had let it finish', async () => {
    const partner = await createTestAuthority({ trustDomain: 'partner.example' });
    const foreign = await partner.issue('spiffe://partner.example/ns/shop/sa/web', {
      extraRoots: [fixture.authority.rootPem],
    });
    const mixed = await fixture.authority.issue(REVIEWS, { extraRoots: [partner.rootPem] });
    const server = await fixture.serve(echo, { certificate: () => mixed });
    const refused = server.nextEarlyError();

    const connection = await fixture.dial(server.address, { certificate: foreign });
    const answer = connection.connect(CONNECT);

    await expect(answer).rejects.toMatchObject({
      code: 'TLS_FAILURE',
      message: expect.stringContaining('refused our certificate'),
    });
    expect((await refused).fault).toMatchObject({
      code: 'IDENTITY_MISMATCH',
      message: expect.stringMatching(/partner\.example.*not of trust domain cluster\.local/),
    });
  });

  // hbone §10.server.2
  it('whose certificate leads to no root of the server gets no further either', async () => {
    const stranger = await createTestAuthority();
    const certificate = await stranger.issue(WEB, { extraRoots: [fixture.authority.rootPem] });
    const refused = running.nextEarlyError();

    const connection = await fixture.dial(running.address, { certificate });

    await expect(connection.connect(CONNECT)).rejects.toMatchObject({ code: 'TLS_FAILURE' });
    expect((await refused).fault).toMatchObject({ code: 'TLS_FAILURE' });
  });

  it('names the port when nobody listens', async () => {
    const { server, address } = await fixture.serve(echo);
    await server.close();

    await expect(fixture.dial(address)).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining(`127.0.0.1:${address.port}`),
    });
  });

  // hbone §10.client.8
  it('gives up on a peer that accepts and says nothing, at each step by its own deadline', async () => {
    const clock = createVirtualClock();
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    fixture.scope.own(() => {
      for (const socket of sockets) socket.destroy();
      mute.close();
    });

    const dialled = fixture.dial({ host: '127.0.0.1', port: (mute.address() as AddressInfo).port }, { clock });
    await once(mute, 'connection');
    // The TLS deadline is armed once TCP is through, which the client notices in a turn of its own.
    while (!clock.advanceToNext()) await new Promise((resolve) => setImmediate(resolve));

    await expect(dialled).rejects.toMatchObject({ code: 'CONNECT_TIMEOUT' });
  });

  it('does not mistake a plain TCP service for a mesh peer', async () => {
    const plain = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('220 mail.example ESMTP\r\n'),
    ).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    fixture.scope.own(() => void plain.close());

    await expect(
      fixture.dial({ host: '127.0.0.1', port: (plain.address() as AddressInfo).port }),
    ).rejects.toMatchObject({
      code: 'TLS_FAILURE',
      message: expect.stringContaining('does not speak TLS'),
    });
  });

  it('refuses a server that does not agree on HTTP/2', async () => {
    const pem = await fixture.authority.issuePem(REVIEWS);
    const server = createTlsServer({ ...pem, requestCert: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    fixture.scope.own(() => void server.close());

    await expect(
      fixture.dial({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }),
    ).rejects.toMatchObject({
      code: 'TLS_FAILURE',
      message: expect.stringContaining('ALPN h2'),
    });
  });

  it('stops at once when it is told to', async () => {
    const controller = new AbortController();
    controller.abort(new Error('the user left'));

    await expect(fixture.dial(running.address, { signal: controller.signal })).rejects.toThrow('the user left');
  });
});

describe('a server', () => {
  // hbone §10.server.1, hbone §10.client.1
  it('sends no SNI-dependent certificate and gets no SNI: the client offers none', async () => {
    let servername: unknown = 'not asked';
    const pem = await fixture.authority.issuePem(REVIEWS);
    const server = createTlsServer({ ...pem, ALPNProtocols: ['h2'] }, (socket) => {
      servername = (socket as unknown as { servername: unknown }).servername;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    fixture.scope.own(() => void server.close());

    const connection = await fixture.dial({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    await connection.closed;

    expect(servername).toBe(false);
  });

  // hbone §10.server.1
  it.each([
    ['offers another protocol', { ALPNProtocols: ['http/1.1'] }, 'ALPN h2'],
    ['offers no protocol', {}, 'ALPN h2'],
  ])('refuses a client that %s', async (_, options, message) => {
    const pem = await fixture.authority.issuePem(WEB);
    const refused = running.nextEarlyError();

    const client = connectTls({ ...running.address, ...pem, ...options, checkServerIdentity: () => undefined });
    client.on('error', () => {}).resume();
    const { fault } = await refused;
    client.destroy();

    expect(fault).toMatchObject({ code: 'TLS_FAILURE', message: expect.stringContaining(message) });
  });

  // hbone §10.server.1
  it('refuses a client without a certificate', async () => {
    const refused = running.nextEarlyError();

    const client = connectTls({
      ...running.address,
      ca: fixture.authority.rootPem,
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    });
    client.on('error', () => {}).resume();
    const { fault } = await refused;

    expect(fault).toMatchObject({
      code: 'TLS_FAILURE',
      message: expect.stringContaining('client certificate is required'),
    });
    client.destroy();
  });

  it('refuses plain HTTP with a word for the operator', async () => {
    const refused = running.nextEarlyError();

    const client = connectTcp(running.address.port, '127.0.0.1').on('error', () => {});
    client.write('GET / HTTP/1.1\r\nhost: reviews\r\n\r\n');

    expect((await refused).fault).toMatchObject({
      code: 'TLS_FAILURE',
      message: expect.stringContaining('plain HTTP'),
    });
    client.destroy();
  });

  it('drops a client that connects and says nothing, after the handshake deadline', async () => {
    const clock = createVirtualClock();
    const { address, server, nextEarlyError } = await fixture.serve(echo, { clock });
    const refused = nextEarlyError();

    const client = connectTcp(address.port, '127.0.0.1').on('error', () => {});
    while (server.connections === 0 || clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(10_000);

    expect((await refused).fault).toMatchObject({ code: 'CONNECT_TIMEOUT' });
    await once(client.resume(), 'close');
  });

  it('uses the newest certificate at each accept, without a new listener', async () => {
    let current = fixture.reviews;
    const { address } = await fixture.serve(echo, { certificate: () => current });
    const renewedIdentity = 'spiffe://cluster.local/ns/shop/sa/reviews-v2';
    const expected = [REVIEWS, renewedIdentity];
    const before = await fixture.dial(address, { expected });

    current = await fixture.authority.issue(renewedIdentity);
    const after = await fixture.dial(address, { expected });

    expect([before.peerIdentity, after.peerIdentity]).toEqual([REVIEWS, renewedIdentity]);
    await expect(before.connect(CONNECT)).resolves.toMatchObject({ peerIdentity: REVIEWS });
  });

  it('without a certificate refuses the connection and says why', async () => {
    const { address, nextEarlyError } = await fixture.serve(echo, {
      certificate: () => Promise.reject(new Error('the CA is away')),
    });
    const refused = nextEarlyError();

    const dialled = fixture.dial(address);

    await expect(dialled).rejects.toMatchObject({ code: 'TLS_FAILURE' });
    expect((await refused).fault).toMatchObject({
      code: 'IDENTITY_UNAVAILABLE',
      message: expect.stringContaining('the CA is away'),
    });
  });
});
