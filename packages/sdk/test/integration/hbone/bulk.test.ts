import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectNested, type IncomingConnect, pump } from '../../../src/hbone/index.js';
import { type Exchanged, exchange } from '../../support/bulk.js';
import { createHboneFixture, GATEWAY, type HboneFixture } from '../../support/hbone-fixture.js';

const TUNNELS = 8;
/** More than the window of a stream (4 MiB); all together more than that of the connection (16 MiB). */
const BYTES = 5_000_000;

let fixture: HboneFixture;
afterEach(() => fixture.close());

/** A server that, on each tunnel, sends as much as it receives, with other bytes. */
async function serveExchange(results: Promise<Exchanged>[]) {
  return fixture.serve((incoming: IncomingConnect) => {
    const seed = Number(incoming.headers.get('x-seed'));
    results.push(exchange(incoming.accept(), seed + 1_000, BYTES));
  });
}

/** Each side's received hash is the other side's sent hash, all of it, orderly ended. */
function expectWhole(atClient: readonly Exchanged[], atServer: readonly Exchanged[]): void {
  const hashes = (list: readonly Exchanged[], which: 'sentHash' | 'receivedHash') =>
    list.map((one) => one[which]).sort();
  expect(atClient).toHaveLength(TUNNELS);
  expect(new Set(hashes(atClient, 'sentHash')).size).toBe(TUNNELS);
  expect(hashes(atServer, 'receivedHash')).toEqual(hashes(atClient, 'sentHash'));
  expect(hashes(atClient, 'receivedHash')).toEqual(hashes(atServer, 'sentHash'));
  for (const one of [...atClient, ...atServer]) {
    expect(one).toMatchObject({ receivedBytes: BYTES, peerEnded: true, end: { kind: 'clean' } });
  }
}

describe('5 MB both ways over 8 tunnels at once, each direction ended by itself', () => {
  it('arrive whole over one HBONE connection', async () => {
    fixture = await createHboneFixture();
    const atServer: Promise<Exchanged>[] = [];
    const { address } = await serveExchange(atServer);
    const pool = fixture.pool();

    const atClient = await Promise.all(
      Array.from({ length: TUNNELS }, async (_, seed) => {
        const tunnel = await pool.connect(fixture.hop(address), {
          authority: '10.0.0.1:80',
          headers: [['x-seed', String(seed)]],
        });
        return exchange(tunnel.stream, seed, BYTES);
      }),
    );

    expect(pool.size).toBe(1);
    expectWhole(atClient, await Promise.all(atServer));
  });

  it('arrive whole through a gateway, in HBONE inside HBONE', async () => {
    fixture = await createHboneFixture();
    const atServer: Promise<Exchanged>[] = [];
    const { address } = await serveExchange(atServer);
    // As an east-west gateway does: TCP to the backend, bytes untouched.
    const gateway = await fixture.serve(
      (incoming) => {
        const backend = connect({ host: address.host, port: address.port, allowHalfOpen: true, noDelay: true });
        backend.once('connect', () => void pump(incoming.accept(), backend));
      },
      { certificate: () => fixture.gateway },
    );
    const pool = fixture.pool();
    const outerHop = fixture.hop(gateway.address, { expected: [GATEWAY] });

    const atClient = await Promise.all(
      Array.from({ length: TUNNELS }, async (_, seed) => {
        const tunnel = await connectNested(pool, {
          outerHop,
          innerExpected: [fixture.reviews.identity],
          certificate: fixture.web,
          authority: 'reviews.shop.svc.cluster.local:9080',
          outerHeaders: [],
          innerHeaders: [['x-seed', String(seed)]],
        });
        return exchange(tunnel.stream, seed, BYTES);
      }),
    );

    expect(pool.size).toBe(1);
    expectWhole(atClient, await Promise.all(atServer));
  });
});
