import { dialHbone } from '@isthmus/sdk/hbone';
import type { CertificateSource } from '@isthmus/sdk/identity';
import { createScope, realClock } from '@isthmus/sdk/runtime';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { Fault } from '@isthmus/sdk/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { service } from '../../support/model.js';
import { connectTo, exchange, socks5 } from '../../support/tcp.js';
import { identity, RATINGS, startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

let mesh: TwoClusters;
beforeAll(async () => {
  mesh = await startTwoClusters();
});
afterAll(() => mesh?.close());

const failed = (proxy: TwoClusters['east'], service: string) =>
  proxy.telemetry
    .samples('istio_tcp_connections_failed_total')
    .filter(({ labels }) => labels.destination_service_name === service)
    .map(({ labels }) => [labels.reporter, labels.response_flags]);

describe('a connection that cannot be made', () => {
  it('to a name nobody knows is refused with the name in the log, and without a metric', async () => {
    const { reply } = await socks5(mesh.scope, mesh.socks5, 'nobody.example', 80);

    expect(reply).toBe(4);
    expect(await mesh.east.logged({ message: 'connection failed', fault: 'UNKNOWN_DESTINATION' })).toMatchObject({
      level: 'warn',
      'dst.addr': 'nobody.example:80',
      error: expect.stringContaining('nobody.example'),
      hint: expect.stringContaining('check the name'),
    });
  });

  it('to a service without endpoints is counted under that service', async () => {
    mesh.east.update({ services: [service({ name: 'empty' })] });

    const { reply } = await socks5(mesh.scope, mesh.socks5, 'empty', 80);

    expect(reply).toBe(4);
    expect(await mesh.east.logged({ message: 'connection complete', fault: 'NO_HEALTHY_UPSTREAM' })).toMatchObject({
      'src.workload': 'storefront',
      'dst.service': 'empty.shop.svc.cluster.local',
    });
    expect(failed(mesh.east, 'empty')).toEqual([['source', 'CONNECT']]);
  });

  it('to a port the service does not list says which it lists', async () => {
    await socks5(mesh.scope, mesh.socks5, RATINGS, 81);

    expect(await mesh.east.logged({ fault: 'UNKNOWN_PORT' })).toMatchObject({
      error: expect.stringContaining('it lists 80'),
    });
  });

  // hbone §10.server.5
  it('because the application is down is told apart from the mesh being down, at both ends', async () => {
    const records = [...mesh.east.store.snapshot.workloads()].find(({ name }) => name === 'ratings');
    if (!records) throw new Error('no ratings');
    const down = service({ name: 'down' });
    mesh.east.update({
      services: [down],
      workloads: [
        {
          ...records,
          services: new Map([
            ...records.services,
            [down.key, [{ servicePort: 80, targetPort: 9, appProtocol: 'unknown' }]],
          ]),
        },
      ],
    });

    const { reply } = await socks5(mesh.scope, mesh.socks5, 'down', 80);

    expect(reply).toBe(1);
    expect(await mesh.east.logged({ direction: 'inbound', fault: 'CONNECT_FAILED' })).toMatchObject({
      error: expect.stringContaining(`${mesh.addresses.ratings}:9`),
      'dst.service': 'down.shop.svc.cluster.local',
    });
    expect(await mesh.east.logged({ direction: 'outbound', fault: 'TUNNEL_REFUSED' })).toMatchObject({
      error: expect.stringContaining('503'),
    });
  });

  it('because the gateway is gone says so in log and flags, and heals when it is back', async () => {
    const before = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);
    expect(await exchange(before.socket, 'before')).toBe('before');

    await mesh.gateway.scope.close();
    const during = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);
    const line = await mesh.east.logged({
      message: 'connection complete',
      fault: 'CONNECT_FAILED',
      'dst.service': 'reviews',
    });
    await mesh.startGateway();
    const after = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);

    expect([during.reply, after.reply]).toEqual([5, 0]);
    expect(line).toMatchObject({
      level: 'error',
      'dst.addr': `${mesh.addresses.gateway}:15008`,
      'dst.cluster': 'west',
      error: expect.stringMatching(/gateway .*ECONNREFUSED/),
      hint: expect.stringContaining('is it running'),
    });
    expect(failed(mesh.east, 'reviews')).toContainEqual(['source', 'CONNECT']);
    expect(await exchange(after.socket, 'healed')).toBe('healed');
  });

  it('through a listener without a protocol is a reset, not an empty answer', async () => {
    mesh.east.remove('shop/reviews.shop.svc.cluster.local');

    const answer = connectTo(mesh.scope, mesh.listener.host, mesh.listener.port).then((socket) =>
      exchange(socket, 'x'),
    );

    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('the HBONE port', () => {
  async function dial(identityUri = identity('storefront')) {
    const connection = await dialHbone({
      target: { host: mesh.addresses.ratings, port: 15008 },
      certificate: await mesh.authority.issue(identityUri),
      expected: [identity('ratings')],
      clock: realClock,
    });
    mesh.scope.own(() => connection.close());
    return connection;
  }

  // hbone §10.server.5
  it.each([
    ['without a port', () => 'ratings', 'BAD_AUTHORITY', '400'],
    [
      'with an address that is not the workload',
      () => `${mesh.addresses.further(77)}:8080`,
      'AUTHORITY_NOT_LOCAL',
      '400',
    ],
    ['with a name nobody knows', () => 'nobody:80', 'UNKNOWN_DESTINATION', '503'],
    ['with a port of the proxy', () => `${mesh.addresses.ratings}:15006`, 'RECURSIVE_CALL', '503'],
  ])('refuses a CONNECT %s, and goes on serving that connection', async (_, authority, fault, status) => {
    const connection = await dial();

    const refused = connection.connect({ authority: authority(), headers: [] });

    await expect(refused).rejects.toThrow(status);
    await mesh.east.logged({ message: 'connection failed', direction: 'inbound', fault });
    const good = await connection.connect({ authority: `${mesh.addresses.ratings}:8080`, headers: [] });
    good.stream.reset();
  });

  it('takes baggage that contradicts the certificate for a claim: the certificate wins', async () => {
    const connection = await dial(identity('intruder'));

    const tunnel = await connection.connect({
      authority: `${mesh.addresses.ratings}:8080`,
      headers: [['baggage', 'k8s.namespace.name=kube-system,k8s.deployment.name=admin,k8s.cluster.name=east']],
    });
    tunnel.stream.reset();

    const line = await mesh.east.logged({
      message: 'connection complete',
      direction: 'inbound',
      'src.identity': 'intruder',
    });
    expect(line).toMatchObject({ 'src.namespace': 'shop', 'src.identity': identity('intruder') });
  });

  it.each([
    ['that is no list of members', 'members', ';;,=,,=x;=,%'],
    ['with escapes that are no text', 'escapes', 'k8s.deployment.name=%ff%fe%00,k8s.namespace.name=%'],
    ['of other alphabets', 'alphabets', 'k8s.deployment.name=\u00e4\u00ff\u0080'],
    ['that would break a log line or a metric', 'lines', 'k8s.deployment.name=%22%0a}%20istio_fake%201%0a'],
    ['of 32 KiB', 'size', `k8s.deployment.name=${'x'.repeat(32_768)}`],
  ])('serves a CONNECT with baggage %s, and takes no workload from it', async (_, account, baggage) => {
    const caller = identity(account);
    const connection = await dial(caller);

    const tunnel = await connection.connect({
      authority: `${mesh.addresses.ratings}:8080`,
      headers: [['baggage', baggage]],
    });
    tunnel.stream.reset();

    const line = await mesh.east.logged({
      message: 'connection complete',
      direction: 'inbound',
      'src.identity': `sa/${account}`,
    });
    expect(line).toMatchObject({ 'src.namespace': 'shop', 'src.identity': caller });
    const workloads = mesh.east.telemetry
      .samples('istio_tcp_connections_opened_total')
      .filter(({ labels }) => labels.source_principal === caller)
      .map(({ labels }) => labels.source_workload);
    expect(workloads).toEqual(['unknown']);
  });

  it('refuses a client of another trust, with a warning and nothing else', async () => {
    const stranger = await createTestAuthority();
    const connection = dialHbone({
      target: { host: mesh.addresses.ratings, port: 15008 },
      certificate: await stranger.issue(identity('storefront'), { extraRoots: [mesh.authority.rootPem] }),
      expected: [identity('ratings')],
      clock: realClock,
    }).then((opened) => opened.connect({ authority: `${mesh.addresses.ratings}:8080`, headers: [] }));

    await expect(connection).rejects.toMatchObject({
      code: expect.stringMatching(/TLS_FAILURE|CONNECT_FAILED|TUNNEL_LOST|H2_HANDSHAKE_FAILURE/),
    });
    expect(await mesh.east.logged({ message: 'connection failed', fault: 'TLS_FAILURE' })).toMatchObject({
      direction: 'inbound',
    });
  });
});

describe('a proxy without a certificate', () => {
  it('fails the connection with the reason of the CA', async () => {
    const scope = createScope();
    const certificates: CertificateSource = {
      certificate: (asked) =>
        Promise.reject(new Fault('IDENTITY_UNAVAILABLE', `certificate of ${asked}: the CA says no`)),
      held: () => [],
    };
    const poor = await startTwoClusters({ certificates });
    scope.own(() => poor.close());

    const { reply } = await socks5(scope, poor.socks5, RATINGS, 80);

    expect(reply).toBe(1);
    expect(await poor.east.logged({ fault: 'IDENTITY_UNAVAILABLE' })).toMatchObject({
      error: expect.stringContaining('the CA says no'),
    });
    const [flags] = poor.east.telemetry
      .samples('istio_tcp_connections_failed_total')
      .map(({ labels }) => labels.response_flags);
    expect(flags).toBe('IDENTITY_ERROR');
    await scope.close();
  });
});
