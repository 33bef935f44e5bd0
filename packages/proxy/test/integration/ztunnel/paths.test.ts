import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTo, exchange, socks5 } from '../../support/tcp.js';
import { identity, RATINGS, REVIEWS, startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

let mesh: TwoClusters;
beforeAll(async () => {
  mesh = await startTwoClusters();
});
afterAll(() => mesh?.close());

describe('a connection through ztunnels', () => {
  it('within the network goes over one tunnel, and both reporters name both ends', async () => {
    const { socket, reply } = await socks5(mesh.scope, mesh.socks5, RATINGS, 80);
    const answer = await exchange(socket, 'hello ratings');
    await mesh.east.logged({ message: 'connection complete', direction: 'outbound' });
    await mesh.east.logged({ message: 'connection complete', direction: 'inbound' });

    expect([reply, answer]).toEqual([0, 'hello ratings']);
    for (const reporter of ['source', 'destination']) {
      const [opened] = mesh.east.telemetry
        .samples('istio_tcp_connections_opened_total')
        .filter(({ labels }) => labels.reporter === reporter);
      expect(opened).toMatchObject({
        value: 1,
        labels: {
          source_workload: 'storefront',
          source_cluster: 'east',
          source_principal: identity('storefront'),
          source_zone: 'eu-1',
          destination_workload: 'ratings',
          destination_cluster: 'east',
          destination_principal: identity('ratings'),
          destination_service: RATINGS,
          response_flags: '-',
          connection_security_policy: 'mutual_tls',
        },
      });
    }
  });

  it('to another network goes through the gateway, and both ends are known to source and destination alike', async () => {
    const { socket, reply } = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);
    const answer = await exchange(socket, 'hello reviews');
    const atDestination = await mesh.west.logged({ message: 'connection complete' });
    const outbound = await mesh.east.logged({ message: 'connection complete', 'dst.service': REVIEWS });

    expect([reply, answer]).toEqual([0, 'hello reviews']);
    const ends = {
      source_workload: 'storefront',
      source_workload_namespace: 'shop',
      source_cluster: 'east',
      source_principal: identity('storefront'),
      source_zone: 'eu-1',
      destination_workload: 'reviews',
      destination_cluster: 'west',
      destination_principal: identity('reviews'),
      destination_service: REVIEWS,
      destination_service_name: 'reviews',
    };
    const seriesAt = (proxy: TwoClusters['east'], name: string) =>
      proxy.telemetry.samples(name).find(({ labels }) => labels.destination_workload === 'reviews');
    for (const [proxy, reporter] of [
      [mesh.east, 'source'],
      [mesh.west, 'destination'],
    ] as const) {
      expect(seriesAt(proxy, 'istio_tcp_connections_closed_total')).toMatchObject({
        value: 1,
        labels: { reporter, ...ends, response_flags: '-' },
      });
      expect(seriesAt(proxy, 'istio_tcp_received_bytes_total')?.value).toBe(13);
      expect(seriesAt(proxy, 'istio_tcp_sent_bytes_total')?.value).toBe(13);
    }
    expect(atDestination).toMatchObject({
      'src.cluster': 'east',
      'src.workload': 'storefront',
      'src.identity': identity('storefront'),
      'dst.hbone_addr': `${REVIEWS}:80`,
    });
    expect(outbound).toMatchObject({
      'dst.cluster': 'west',
      'dst.workload': 'reviews',
      'dst.addr': `${mesh.addresses.gateway}:15008`,
      bytes_sent: 13,
      bytes_recv: 13,
    });
  });

  it('to an address nobody in the mesh has is passed through as plain TCP', async () => {
    const { socket, reply } = await socks5(mesh.scope, mesh.socks5, mesh.addresses.ratings, 8080);
    const viaMesh = await exchange(socket, 'by pod ip');
    const outside = await socks5(mesh.scope, mesh.socks5, mesh.listener.host, mesh.listener.port);

    expect([reply, viaMesh]).toEqual([0, 'by pod ip']);
    expect(outside.reply).toBe(0);
    expect(await exchange(outside.socket, 'to the static listener')).toBe('to the static listener');
    const direct = await mesh.east.logged({
      message: 'connection complete',
      'dst.addr': `${mesh.listener.host}:${mesh.listener.port}`,
    });
    expect(direct).toMatchObject({ direction: 'outbound', 'src.workload': 'storefront' });
    expect(direct).not.toHaveProperty('src.identity');
  });

  it('comes through a static listener without any protocol', async () => {
    const socket = await connectTo(mesh.scope, mesh.listener.host, mesh.listener.port);

    expect(await exchange(socket, 'no SOCKS here')).toBe('no SOCKS here');
  });

  it('keeps one direction open after the other has ended', async () => {
    const { socket } = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);
    const accepted = mesh.reviewsApp.accepted.at(-1);
    accepted
      ?.unpipe()
      .resume()
      .on('end', () => accepted.write('still here', () => accepted.end('.')));

    expect(await exchange(socket, 'bye')).toBe('still here.');
  });

  it('speaks from the address of its own workload', async () => {
    const { socket } = await socks5(mesh.scope, mesh.socks5, RATINGS, 80);
    await exchange(socket, 'x');

    const inbound = await mesh.east.logged({ message: 'connection complete', direction: 'inbound' });
    expect(inbound['src.addr']).toMatch(new RegExp(`^${mesh.addresses.storefront}:`));
  });

  it('is counted at the gateway under a name of its own when the tunnels that were shared have ended', async () => {
    const { socket } = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);
    await exchange(socket, 'through the gateway');
    await mesh.east.scope.close();
    const line = await mesh.gateway.logged({ message: 'connection complete' });

    const samples = mesh.gateway.telemetry.samples();

    expect(samples.filter(({ name }) => name.startsWith('istio_tcp_connections'))).toEqual([]);
    const opened = samples.find(({ name }) => name === 'isthmus_gateway_connections_opened_total');
    expect(opened?.labels).toMatchObject({
      source_principal: identity('storefront'),
      destination_service: REVIEWS,
      destination_workload: 'reviews',
    });
    expect(line).toMatchObject({
      direction: 'forward',
      'src.identity': identity('storefront'),
      'dst.hbone_addr': `${REVIEWS}:80`,
      'dst.addr': `${mesh.addresses.reviews}:15008`,
    });
    expect(line).not.toHaveProperty('src.cluster');
  });
});
