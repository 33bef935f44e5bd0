import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTo, exchange, read, socks5 } from '../../support/tcp.js';
import { startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

let mesh: TwoClusters;
beforeAll(async () => {
  mesh = await startTwoClusters({ env: { REQUIRE_WAYPOINT: 'true' } });
});
afterAll(() => mesh?.close());

/** However it ends: a reset is what is expected. */
function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve).resume());
}

describe('REQUIRE_WAYPOINT', () => {
  it('ends direct connections once the workload has a waypoint, and takes no more, in plaintext neither', async () => {
    const before = await socks5(mesh.scope, mesh.socks5, 'ratings', 80);
    before.socket.write('open');
    await read(before.socket, 4);
    const cut = closed(before.socket);

    const ratings = [...mesh.east.store.snapshot.workloads()].find(({ name }) => name === 'ratings')!;
    const destination = { kind: 'address', address: { network: 'network-1', ip: '240.0.0.9' } } as const;
    mesh.east.update({ workloads: [{ ...ratings, waypoint: { destination, hboneMtlsPort: 15008 } }] });
    await cut;
    const after = await socks5(mesh.scope, mesh.socks5, 'ratings', 80);
    const plain = connectTo(mesh.scope, mesh.addresses.ratings, 15006).then((socket) => exchange(socket, 'plain'));

    await expect(plain).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect([before.reply, after.reply]).toEqual([0, 2]);
    expect(await mesh.east.logged({ error: 'through its waypoint only', direction: 'inbound' })).toMatchObject({
      fault: 'POLICY_DENY',
    });
  });
});
