/** Which connections a pool opens, shares, replaces and lets go. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectionPool } from '../../../src/hbone/client/connection-pool.js';
import { createHbonePool, DEFAULT_SETTINGS, type IncomingConnect, type Tunnel } from '../../../src/hbone/index.js';
import { realClock } from '../../../src/runtime/clock.js';
import { createVirtualClock } from '../../../src/testing.js';
import { deferred, until } from '../../support/deferred.js';
import { collect } from '../../support/engine-pair.js';
import { createHboneFixture, echo, type HboneFixture, REVIEWS, WEB } from '../../support/hbone-fixture.js';
import { createRelay } from '../../support/relay.js';

const CONNECT = { authority: '10.0.0.1:80', headers: [] };

let fixture: HboneFixture;
beforeEach(async () => {
  fixture = await createHboneFixture();
});
afterEach(() => fixture.close());

/** A server that says which connection each request came on. */
async function serveCounting(settings: Parameters<HboneFixture['serve']>[1] = {}) {
  const ports: number[] = [];
  const running = await fixture.serve((incoming: IncomingConnect) => {
    ports.push(incoming.connection.remotePort);
    echo(incoming);
  }, settings);
  return { ...running, ports };
}

function many(count: number, open: () => Promise<Tunnel>): Promise<Tunnel[]> {
  return Promise.all(Array.from({ length: count }, open));
}

describe('a pool', () => {
  it('opens one connection for all who come at once, and shares it', async () => {
    const { address, ports } = await serveCounting();
    const pool = fixture.pool();

    await many(20, () => pool.connect(fixture.hop(address), CONNECT));

    expect(new Set(ports).size).toBe(1);
    expect(pool.size).toBe(1);
  });

  // hbone §10.client.6
  it('opens a second connection when the first has 100 streams, and fills that one', async () => {
    const { address, ports } = await serveCounting();
    const pool = fixture.pool();

    await many(150, () => pool.connect(fixture.hop(address), CONNECT));

    expect(new Set(ports).size).toBe(2);
  });

  it('uses a full connection again when streams on it have ended', async () => {
    const { address, ports } = await serveCounting();
    const pool = fixture.pool({ maxStreamsPerConnection: 1 });
    const first = await pool.connect(fixture.hop(address), CONNECT);
    const sink = collect(first.stream);
    first.stream.end();
    await until(() => sink.end !== undefined);

    await pool.connect(fixture.hop(address), CONNECT);

    expect(new Set(ports).size).toBe(1);
  });

  it('never sends a peer more streams than it takes: more connections instead of waiting', async () => {
    const { address, ports } = await serveCounting({ settings: { serverMaxConcurrentStreams: 10 } });
    const pool = fixture.pool();

    await many(45, () => pool.connect(fixture.hop(address), CONNECT));

    const streamsEach = [...new Set(ports)].map((port) => ports.filter((one) => one === port).length);
    expect(ports).toHaveLength(45);
    expect(Math.max(...streamsEach)).toBe(10);
  });

  // hbone §10.client.6
  it('keeps apart what may not be mixed: source, certificate, expected identity, client, address', async () => {
    const { address, ports } = await serveCounting();
    const other = await serveCounting();
    const renewed = await fixture.authority.issue(WEB);
    const pool = fixture.pool();

    const hops = [
      fixture.hop(address),
      fixture.hop(address, { source: fixture.gateway }),
      fixture.hop(address, { source: renewed }),
      fixture.hop(address, { clientIp: '10.9.9.10' }),
      fixture.hop(address, { expected: [REVIEWS, WEB] }),
      fixture.hop(address, { expected: [WEB, REVIEWS] }),
      fixture.hop(address, { localAddress: '127.0.0.2' }),
      fixture.hop(other.address),
    ];
    for (const hop of hops) await pool.connect(hop, CONNECT);

    // The order of expected identities means nothing.
    expect(pool.size).toBe(hops.length - 1);
    expect([new Set(ports).size, new Set(other.ports).size]).toEqual([6, 1]);
  });

  it('replaces a connection that drains, while its tunnels run on', async () => {
    const running = await serveCounting();
    const pool = fixture.pool();
    const old = await pool.connect(fixture.hop(running.address), CONNECT);
    const sink = collect(old.stream);

    const drained = running.server.drain();
    await until(() => pool.size === 1 && running.server.activeStreams === 1);
    const successor = await fixture.serve(echo);
    old.stream.write(Buffer.from('running on'));
    await until(() => sink.text() === 'running on');
    old.stream.end();
    await drained;

    await expect(pool.connect(fixture.hop(successor.address), CONNECT)).resolves.toBeDefined();
    await until(() => pool.size === 1);
  });

  it('asks once more elsewhere when the peer did not process a CONNECT', async () => {
    const { server, address } = await fixture.serve(echo, { settings: { serverMaxConcurrentStreams: 1 } });
    const pool = fixture.pool();

    // Both leave before the limit of one is known: one of them is refused, and at home on a second connection.
    await many(2, () => pool.connect(fixture.hop(address), CONNECT));

    expect(server.connections).toBe(2);
  });

  it('asks once more when a pooled connection dies under a CONNECT', async () => {
    const underway = deferred();
    let requests = 0;
    const { address } = await fixture.serve((incoming) => {
      requests += 1;
      // The second is never answered: its connection is cut meanwhile.
      if (requests === 2) underway.resolve();
      else echo(incoming);
    });
    const relay = await createRelay(fixture.scope, address);
    const pool = fixture.pool();
    await pool.connect(fixture.hop(relay.address), CONNECT);

    const tunnel = pool.connect(fixture.hop(relay.address), CONNECT);
    await underway.promise;
    relay.cut();

    await expect(tunnel).resolves.toMatchObject({ peerIdentity: REVIEWS });
    expect(requests).toBe(3);
  });

  it('does not ask again when the peer answers with a refusal', async () => {
    let requests = 0;
    const { address } = await fixture.serve((incoming) => {
      requests += 1;
      incoming.refuse(503);
    });
    const pool = fixture.pool();

    await expect(pool.connect(fixture.hop(address), CONNECT)).rejects.toMatchObject({ code: 'TUNNEL_REFUSED' });
    expect(requests).toBe(1);
  });

  // hbone §10.client.8
  it('tells all who wait for a dial that it failed, and dials anew for the next', async () => {
    const gone = await fixture.serve(echo);
    await gone.server.close();
    const pool = fixture.pool();

    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => pool.connect(fixture.hop(gone.address), CONNECT)),
    );
    const again = await fixture.serve(echo);
    await gone.server.close();

    expect(outcomes.map((one) => one.status === 'rejected' && one.reason.code)).toEqual(
      Array(5).fill('CONNECT_FAILED'),
    );
    await expect(pool.connect(fixture.hop(again.address), CONNECT)).resolves.toBeDefined();
  });

  it('lets go of a connection that nobody used for five minutes, not of one in use', async () => {
    const clock = createVirtualClock();
    const { address, server } = await serveCounting();
    const pool = createHbonePool(fixture.scope, { clock });
    const use = (clientIp: string) => pool.connect(fixture.hop(address, { clientIp }), CONNECT);
    const ended = (await Promise.all([use('10.0.0.1'), use('10.0.0.2')])).map(({ stream }) => {
      stream.end();
      return collect(stream);
    });
    await until(() => ended.every(({ end }) => end !== undefined));
    const busy = await use('10.0.0.1');

    // In steps, so that the PINGs on the way are answered.
    for (let elapsed = 0; elapsed < 300_000; elapsed += 5_000) {
      clock.advance(5_000);
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => pool.size === 1 && server.connections === 1);

    const stillThere = collect(busy.stream);
    busy.stream.write(Buffer.from('hello'));
    await until(() => stillThere.text() === 'hello');
    await use('10.0.0.1');
    expect(stillThere.end).toBeUndefined();
    expect(pool.size).toBe(1);
  });

  it('tells who waits when the connection dialled for them ended before it could be used', async () => {
    const { address } = await serveCounting();
    const pool = new ConnectionPool(fixture.scope, {
      clock: realClock,
      random: Math.random,
      settings: DEFAULT_SETTINGS,
      bounds: { maxConnections: 1, backendLimit: 1, ageMs: Number.POSITIVE_INFINITY },
    });
    const route = {
      certificate: fixture.web,
      key: 'reviews',
      name: 'reviews',
      capacity: 1,
      backendOf: () => undefined,
      async dial() {
        const connection = await fixture.dial(address);
        await connection.close();
        return { connection };
      },
    };

    await expect(pool.connect(route, CONNECT)).rejects.toMatchObject({ code: 'TUNNEL_LOST' });
    expect(pool.size).toBe(0);
  });

  it('closes the longest idle connection to make room, and refuses when all are in use', async () => {
    const { address } = await serveCounting();
    const pool = fixture.pool({ poolMaxConnections: 2 });
    const connectAs = (clientIp: string) => pool.connect(fixture.hop(address, { clientIp }), CONNECT);
    const first = await connectAs('10.0.0.1');
    await connectAs('10.0.0.2');

    await expect(connectAs('10.0.0.3')).rejects.toMatchObject({
      code: 'UPSTREAM_OVERFLOW',
      message: expect.stringContaining('all 2 of the pool are in use'),
    });
    const sink = collect(first.stream);
    first.stream.end();
    await until(() => sink.end !== undefined);

    await expect(connectAs('10.0.0.3')).resolves.toBeDefined();
    await until(() => pool.size === 2);
  });

  it('lets one caller leave while others wait for the same dial', async () => {
    const { address } = await serveCounting();
    const pool = fixture.pool();
    const controller = new AbortController();

    const leaving = pool.connect(fixture.hop(address), { ...CONNECT, signal: controller.signal });
    const staying = pool.connect(fixture.hop(address), CONNECT);
    controller.abort(new Error('the user left'));

    await expect(leaving).rejects.toThrow('the user left');
    await expect(staying).resolves.toBeDefined();
  });

  it('loses its tunnels when its scope closes, and opens none after that', async () => {
    const { address } = await serveCounting();
    const scope = fixture.scope.child();
    const clock = createVirtualClock();
    const pool = createHbonePool(scope, { clock });
    const { stream } = await pool.connect(fixture.hop(address), CONNECT);
    const sink = collect(stream);

    await scope.close();

    await until(() => sink.end !== undefined);
    expect(sink.end).toMatchObject({ kind: 'lost' });
    await expect(pool.connect(fixture.hop(address), CONNECT)).rejects.toBeDefined();
  });
});

it('a pool whose connections come and go keeps sharing the newest', async () => {
  const running = await serveCounting();
  const relay = await createRelay(fixture.scope, running.address);
  const pool = fixture.pool();
  const opened = () => pool.connect(fixture.hop(relay.address), CONNECT);
  for (let round = 0; round < 3; round++) {
    await opened();
    relay.cut();
    await until(() => pool.size === 0);
  }

  await opened();
  await opened();

  expect(pool.size).toBe(1);
});
