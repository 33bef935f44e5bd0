import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { workload } from '../../support/model.js';
import { connectTo, exchange, read, serveEcho, socks5 } from '../../support/tcp.js';
import { RATINGS, startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

let mesh: TwoClusters;
beforeEach(async () => {
  mesh = await startTwoClusters();
});
afterEach(() => mesh?.close());

describe('listeners', () => {
  it('come with a workload and go with it, and one that is not on this host harms nobody', async () => {
    const address = mesh.addresses.further(20);
    const late = workload({ name: 'late', addresses: [address, '192.0.2.1'] });
    await serveEcho(mesh.scope, address, 8080);

    mesh.east.update({ workloads: [late] });
    const { reply, socket } = await untilServed(() => socks5(mesh.scope, mesh.socks5, address, 8080));
    const answer = await exchange(socket, 'hello');
    mesh.east.remove(late.uid);
    await expect
      .poll(() =>
        connectTo(mesh.scope, address, 15008).then(
          () => 'open',
          (error) => error.code,
        ),
      )
      .toBe('ECONNREFUSED');

    expect([reply, answer]).toEqual([0, 'hello']);
    expect(
      mesh.east.role
        .localWorkloads()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['ratings', 'storefront']);
  });
});

describe('a workload that leaves', () => {
  it('takes its connections with it, which is no failure', async () => {
    const { socket } = await socks5(mesh.scope, mesh.socks5, RATINGS, 80);
    socket.write('one');
    await read(socket, 3);

    mesh.east.remove('east//Pod/shop/ratings');

    const line = await mesh.east.logged({ message: 'connection complete', direction: 'inbound' });
    expect(line).toMatchObject({ 'dst.workload': 'ratings', error: 'connection closed due to connection drain' });
    const failed = mesh.east.telemetry.samples('istio_tcp_connections_failed_total');
    expect(failed.filter(({ labels }) => labels.reporter === 'destination')).toEqual([]);
  });
});

describe('draining', () => {
  it('refuses what is new, lets finish what is open, and is over when the last has ended', async () => {
    const { socket } = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);
    socket.write('one');
    await read(socket, 3);

    const outcome = Promise.all([mesh.east.drain.start(), mesh.west.drain.start(), mesh.gateway.drain.start()]);
    await expect
      .poll(() =>
        connectTo(mesh.scope, mesh.socks5.host, mesh.socks5.port).then(
          () => 'open',
          (error) => error.code,
        ),
      )
      .toBe('ECONNREFUSED');
    const rest = await exchange(socket, 'two');

    expect(rest).toBe('two');
    expect(await outcome).toEqual(['idle', 'idle', 'idle']);
    expect(mesh.east.role.openConnections()).toBe(0);
  });

  it('cuts what is still open at the end, and does not call that a failure', async () => {
    const { socket } = await socks5(mesh.scope, mesh.socks5, RATINGS, 80);
    socket.write('one');
    await read(socket, 3);
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()).resume());

    await mesh.east.scope.close();

    await closed;
    const line = await mesh.east.logged({ message: 'connection complete', direction: 'outbound' });
    expect(line).toMatchObject({ level: 'error', error: 'connection closed due to connection drain' });
    expect(mesh.east.telemetry.samples('istio_tcp_connections_failed_total')).toEqual([]);
    expect(mesh.east.telemetry.samples('istio_tcp_sockets_open').map(({ value }) => value)).toEqual([0, 0]);
  });
});

/** The listener opens a moment after the update; until then there is nobody to connect to. */
async function untilServed(attempt: () => ReturnType<typeof socks5>): ReturnType<typeof socks5> {
  for (;;) {
    const tried = await attempt();
    if (tried.reply === 0) return tried;
    tried.socket.destroy();
  }
}
