/** Peers that allow few streams, node:http2 (nghttp2) among them: tunnels never wait, more connections are opened. */
import { once } from 'node:events';
import { createSecureServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HbonePool, HopAddress, Tunnel } from '../../../src/hbone/index.js';
import { until } from '../../support/deferred.js';
import { endOf } from '../../support/gateway-world.js';
import { createHboneFixture, type HboneFixture, REVIEWS } from '../../support/hbone-fixture.js';

let fixture: HboneFixture;
beforeEach(async () => {
  fixture = await createHboneFixture();
});
afterEach(() => fixture.close());

interface ForeignServer {
  readonly address: HopAddress;
  readonly sessions: ReadonlySet<Http2Session>;
  /** Most streams any session had open at once. */
  readonly mostAtOnce: number;
  /** Tells every client, and those to come. */
  allow(streams: number): void;
}

async function startForeign(maxConcurrentStreams: number): Promise<ForeignServer> {
  const pem = await fixture.authority.issuePem(REVIEWS);
  const sessions = new Set<Http2Session>();
  const open = new Map<Http2Session, number>();
  let mostAtOnce = 0;
  let allowed = maxConcurrentStreams;
  const server = createSecureServer({ ...pem, requestCert: true, settings: { maxConcurrentStreams } });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    if (allowed !== maxConcurrentStreams) session.settings({ maxConcurrentStreams: allowed });
  });
  server.on('stream', (stream) => {
    const session = stream.session;
    if (!session) return;
    const count = (open.get(session) ?? 0) + 1;
    open.set(session, count);
    mostAtOnce = Math.max(mostAtOnce, count);
    stream.on('error', () => {}).on('close', () => open.set(session, (open.get(session) ?? 1) - 1));
    stream.respond({ ':status': 200 }, { endStream: false });
    stream.pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  fixture.scope.own(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return {
    address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    sessions,
    get mostAtOnce() {
      return mostAtOnce;
    },
    allow(streams) {
      allowed = streams;
      for (const session of sessions) session.settings({ maxConcurrentStreams: streams });
    },
  };
}

function open(pool: HbonePool, address: HopAddress, count: number): Promise<Tunnel[]> {
  const request = { authority: '10.0.0.1:80', headers: [] };
  return Promise.all(Array.from({ length: count }, () => pool.connect(fixture.hop(address), request)));
}

describe('a node:http2 server that allows', () => {
  it.each([
    [1, 12, 12],
    [2, 12, 6],
    [5, 12, 3],
  ])('%i streams serves %i tunnels at once, over %i connections', async (allowed, tunnels, connections) => {
    const server = await startForeign(allowed);
    const pool = fixture.pool();

    const opened = await open(pool, server.address, tunnels);

    expect(opened).toHaveLength(tunnels);
    expect(server.sessions.size).toBeGreaterThanOrEqual(connections);
    expect(server.mostAtOnce).toBe(allowed);
  });

  it('fewer streams than before keeps what runs, and serves the next over more connections', async () => {
    const server = await startForeign(100);
    const pool = fixture.pool();
    const running = await open(pool, server.address, 10);
    const [session] = server.sessions;

    server.allow(1);
    await until(() => session?.pendingSettingsAck === false);
    const more = await open(pool, server.address, 5);
    for (const tunnel of [...running, ...more]) await endOf(tunnel);

    expect(server.sessions.size).toBeGreaterThanOrEqual(6);
  });

  it('more streams than before fills the connections there are', async () => {
    const server = await startForeign(1);
    const pool = fixture.pool();
    await open(pool, server.address, 3);
    const before = server.sessions.size;

    server.allow(50);
    await until(() => [...server.sessions].every((session) => session.pendingSettingsAck === false));
    await open(pool, server.address, 40);

    expect(server.sessions.size).toBe(before);
  });

  it('no streams at all refuses the caller after a few attempts; nobody waits for ever', async () => {
    const server = await startForeign(0);
    const pool = fixture.pool();

    const outcome = open(pool, server.address, 1);

    await expect(outcome).rejects.toMatchObject({ code: 'TUNNEL_REFUSED' });
    expect(pool.size).toBeLessThanOrEqual(4);
  });

  it('one stream, to a pool that is full of them: the next is refused with the bound, and served when one has ended', async () => {
    const server = await startForeign(1);
    const pool = fixture.pool({ poolMaxConnections: 3 });
    const [first] = await open(pool, server.address, 3);

    await expect(open(pool, server.address, 1)).rejects.toMatchObject({
      code: 'UPSTREAM_OVERFLOW',
      message: expect.stringContaining('all 3 of the pool are in use'),
    });
    if (first) await endOf(first);

    await expect(open(pool, server.address, 1)).resolves.toHaveLength(1);
  });
});

it('a tunnel that waits for a dial takes a stream that comes free before', async () => {
  const server = await startForeign(1);
  const pool = fixture.pool();
  const [first] = await open(pool, server.address, 1);

  const waiting = open(pool, server.address, 1);
  if (first) await endOf(first);

  await expect(waiting).resolves.toHaveLength(1);
});
