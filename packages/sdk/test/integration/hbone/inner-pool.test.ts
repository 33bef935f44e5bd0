/** Tunnels through a gateway: what one costs, which backend it reaches, and which inner connections are kept for it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WorkloadCertificate } from '../../../src/identity/index.js';
import { createVirtualClock } from '../../../src/testing.js';
import { deferred, until } from '../../support/deferred.js';
import { collect } from '../../support/engine-pair.js';
import { AUTHORITY, createGatewayWorld, endOf, type GatewayWorld } from '../../support/gateway-world.js';
import { createHboneFixture, GATEWAY, type HboneFixture, REVIEWS, WEB } from '../../support/hbone-fixture.js';
import { seeded } from '../../support/seeded.js';

let fixture: HboneFixture;
let world: GatewayWorld;
/** The gateway's next draws; afterwards in turn. */
let draws: number[];
let turn: number;

beforeEach(async () => {
  fixture = await createHboneFixture();
  draws = [];
  turn = 0;
  world = await createGatewayWorld(fixture, (backends) => draws.shift() ?? turn++ % backends);
});
afterEach(() => fixture.close());

const handshakes = () => world.backends.reduce((sum, { server }) => sum + server.connections, 0);

describe('a new tunnel through a warm pool', () => {
  it('costs one CONNECT: no outer tunnel, no handshake', async () => {
    await world.addBackend();
    await world.addBackend();
    const pool = world.pool();
    await world.share(pool, 4);
    const before = [world.outerTunnels, handshakes(), pool.innerSize];

    const shares = await world.share(pool, 10);

    expect([world.outerTunnels, handshakes(), pool.innerSize]).toEqual(before);
    expect(before).toEqual([2, 2, 2]);
    expect(shares).toEqual({ 'reviews-1': 5, 'reviews-2': 5 });
  });

  it('is warm for all backends after the first: the others are opened meanwhile', async () => {
    for (let count = 0; count < 4; count++) await world.addBackend();
    const pool = world.pool();

    await world.nested(pool);
    await until(() => handshakes() === 4);

    expect(pool.innerSize).toBe(4);
    expect(pool.size).toBe(1);
  });
});

describe('load', () => {
  it('is even over the backends although the gateway draws at random', async () => {
    const random = seeded(7);
    world = await createGatewayWorld(fixture, (backends) => Math.floor(random() * backends));
    for (let count = 0; count < 4; count++) await world.addBackend();
    const pool = world.pool();
    await world.share(pool, 60);

    const shares = await world.share(pool, 200);

    // Each is one in four, give or take 5 %.
    for (const share of Object.values(shares)) expect(Math.abs(share / 200 - 1 / 4)).toBeLessThan(0.05);
  });

  it('goes where the least is under way, long tunnels counted', async () => {
    await world.addBackend();
    await world.addBackend();
    const pool = world.pool();
    await world.share(pool, 2);
    const long = await world.nested(pool);

    const shares = await world.share(pool, 6);

    expect(Object.values(shares).sort()).toEqual([0, 6]);
    await endOf(long);
  });

  it('of a backend that answered over two connections is not doubled: the younger is let go', async () => {
    draws = [0, 0, 0, 1];
    await world.addBackend();
    await world.addBackend();
    const pool = world.pool();

    await world.share(pool, 8);
    await until(() => pool.innerSize === 2);

    expect(world.backends.map(({ server }) => server.connections)).toEqual([1, 1]);
    expect(await world.share(pool, 10)).toEqual({ 'reviews-1': 5, 'reviews-2': 5 });
  });

  it('reaches several backends that do not tell their names', async () => {
    for (let count = 0; count < 3; count++) await world.addBackend({ named: false });
    const pool = world.pool();

    await world.share(pool, 12);
    await until(() => pool.innerSize === 6);

    expect(await world.share(pool, 30)).toEqual({ 'reviews-1': 10, 'reviews-2': 10, 'reviews-3': 10 });
  });

  it('reaches a backend that came later, as soon as the registry tells of it', async () => {
    await world.addBackend();
    const pool = world.pool();
    await world.share(pool, 4);

    await world.addBackend();
    turn = 1;
    await world.share(pool, 2);
    await until(() => pool.innerSize === 2);

    expect(await world.share(pool, 10)).toEqual({ 'reviews-1': 5, 'reviews-2': 5 });
  });

  it('is drawn anew when connections reach their age, so that backends beyond the limit get their turn', async () => {
    const clock = createVirtualClock();
    for (let count = 0; count < 3; count++) await world.addBackend();
    const pool = world.pool({ clock, settings: { innerMaxBackends: 1, innerAgeMs: 60_000 } });
    const open = await world.nested(pool);
    const sink = collect(open.stream);

    const seen = new Set<string>();
    for (let minute = 0; minute < 3; minute++) {
      const shares = await world.share(pool, 2);
      for (const [name, count] of Object.entries(shares)) if (count > 0) seen.add(name);
      const outerBefore = world.outerTunnels;
      await advance(clock, 60_000);
      await until(() => world.outerTunnels > outerBefore);
      await until(() => world.backends.filter(({ server }) => server.connections > 0).length <= 2);
    }
    open.stream.write(Buffer.from('still here'));
    await until(() => sink.text() === 'still here');

    expect(seen.size).toBe(3);
  });
});

describe('an inner connection', () => {
  it('is not used for another list of expected identities, another source role, another service or gateway', async () => {
    await world.addBackend();
    const pool = world.pool();
    const variants = [
      {},
      { innerExpected: [REVIEWS, WEB] },
      { outerHeaders: [['x-istio-source', 'waypoint']] as const },
      { authority: 'ratings.shop.svc.cluster.local:80' },
      { outerHop: fixture.hop(world.gateway.address, { expected: [GATEWAY, WEB] }) },
      { outerHop: fixture.hop(world.gateway.address, { expected: [GATEWAY], clientIp: '10.9.9.10' }) },
    ];

    for (const variant of variants) await endOf(await world.nested(pool, variant));
    for (const variant of variants) await endOf(await world.nested(pool, variant));

    expect(world.outerTunnels).toBe(variants.length);
  });

  it('whose peer is no longer expected is met no more: the new list is checked by a handshake of its own', async () => {
    await world.addBackend();
    const pool = world.pool();
    await endOf(await world.nested(pool));

    const denied = world.nested(pool, { innerExpected: ['spiffe://cluster.local/ns/shop/sa/reviews-v2'] });

    await expect(denied).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH' });
  });

  it('that proves our old certificate takes no new tunnel, and runs on for those it has', async () => {
    await world.addBackend();
    const pool = world.pool();
    const old = await world.nested(pool);
    const sink = collect(old.stream);
    const renewed = await fixture.authority.issue(WEB);
    const outerHop = fixture.hop(world.gateway.address, { expected: [GATEWAY], source: renewed });

    await endOf(await world.nested(pool, { certificate: renewed, outerHop }));
    old.stream.write(Buffer.from('running on'));
    await until(() => sink.text() === 'running on');
    const during = pool.innerSize;
    old.stream.end();
    await until(() => pool.innerSize === 1 && pool.size === 1);

    expect(during).toBe(2);
  });

  it('that drains is replaced, and the tunnel that was open on it runs on', async () => {
    const first = await world.addBackend();
    const pool = world.pool();
    const old = await world.nested(pool);
    const sink = collect(old.stream);
    await world.addBackend();
    turn = 1;

    const drained = first.server.drain();
    // The GOAWAY comes before the answer to whatever was sent before it came.
    await world.share(pool, 1, { backends: 1 });
    const shares = await world.share(pool, 3, { backends: 1 });
    old.stream.write(Buffer.from('running on'));
    await until(() => sink.text() === 'running on');
    old.stream.end();
    await drained;

    expect(shares).toEqual({ 'reviews-1': 0, 'reviews-2': 3 });
  });

  it('lets a gateway go that drains: idle ones close at once, the outer connection with them', async () => {
    await world.addBackend();
    await world.addBackend();
    const pool = world.pool();
    await world.share(pool, 4);

    await world.gateway.server.drain();
    await until(() => pool.size + pool.innerSize + handshakes() === 0);

    expect(world.outerTunnels).toBe(2);
  });

  it('that was being dialled when the gateway began to drain serves who waited for it, and nobody after', async () => {
    const certificate = deferred<WorkloadCertificate>();
    const asked = deferred();
    await world.addBackend({
      certificate: () => {
        asked.resolve();
        return certificate.promise;
      },
    });
    const pool = world.pool();
    const opening = world.nested(pool);
    await asked.promise;
    const outerHop = fixture.hop(world.gateway.address, { expected: [GATEWAY] });
    const { stream, lastCall } = await pool.connect(outerHop, { authority: AUTHORITY, headers: [] });

    const drained = world.gateway.server.drain();
    await until(() => lastCall.aborted);
    certificate.resolve(fixture.reviews);
    const tunnel = await opening;

    // The gateway listens no more.
    await expect(world.nested(pool)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await endOf(tunnel);
    stream.reset();
    await drained;
    await until(() => pool.size + pool.innerSize === 0);
  });

  it('that dies costs nobody else: the next CONNECT goes to another backend', async () => {
    const first = await world.addBackend();
    await world.addBackend();
    const pool = world.pool();
    await world.share(pool, 4);
    turn = 1;

    await first.server.close();
    const shares = await world.share(pool, 4, { backends: 1 });

    expect(shares).toEqual({ 'reviews-1': 0, 'reviews-2': 4 });
  });

  it('is opened again and again for a peer that takes one tunnel each, and none waits', async () => {
    await world.addBackend({ settings: { serverMaxConcurrentStreams: 1 } });
    const pool = world.pool();

    const tunnels = await Promise.all(Array.from({ length: 12 }, () => world.nested(pool)));

    expect(tunnels).toHaveLength(12);
    expect(handshakes()).toBe(12);
  });

  it('is one of a bounded number: over it the caller is refused with the bound', async () => {
    await world.addBackend({ settings: { serverMaxConcurrentStreams: 1 } });
    const pool = world.pool({ settings: { innerMaxConnections: 2 } });
    await world.nested(pool);
    await world.nested(pool);

    await expect(world.nested(pool)).rejects.toMatchObject({
      code: 'UPSTREAM_OVERFLOW',
      message: expect.stringContaining('all 2 of the pool are in use'),
    });
  });

  it('that failed to be drawn spoils nothing for those who have one', async () => {
    await world.addBackend();
    const second = await world.addBackend();
    await second.server.close();
    const pool = world.pool();

    const shares = await world.share(pool, 6);

    expect(shares).toEqual({ 'reviews-1': 6, 'reviews-2': 0 });
  });
});

/** In steps, so that the PINGs on the way are answered. */
async function advance(clock: ReturnType<typeof createVirtualClock>, ms: number): Promise<void> {
  for (let elapsed = 0; elapsed < ms; elapsed += 5_000) {
    clock.advance(5_000);
    for (let turns = 0; turns < 8; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
}
