/** Readers that stop, and the tunnels that share their connection: those go on, and new ones go elsewhere. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HboneServerInit, HboneSettings, TunnelStream } from '../../../src/hbone/index.js';
import { createVirtualClock } from '../../../src/testing.js';
import { exchange } from '../../support/bulk.js';
import { until } from '../../support/deferred.js';
import { createHboneFixture, echo, type HboneFixture } from '../../support/hbone-fixture.js';

// ztunnel's ratio of the two windows, in small.
const settings = { streamWindowBytes: 65_536, connectionWindowBytes: 4 * 65_536 };

let fixture: HboneFixture;
beforeEach(async () => {
  fixture = await createHboneFixture();
});
afterEach(() => fixture.close());

it.each([3, 4, 7])('%i stalled readers, each with a full window, stop no other tunnel', async (stalled) => {
  let received = 0;
  let allStalled = () => {};
  const full = new Promise<void>((resolve) => {
    allStalled = resolve;
  });
  const { address } = await fixture.serve(
    (incoming) => {
      if (incoming.authority !== 'stalled:1') return echo(incoming);
      const stream = incoming.accept();
      stream.handlers = {
        onData(chunk) {
          // The first bytes tell that it is there; nothing after them is read.
          received += chunk.length;
          stream.pause();
          if (received === stalled) allStalled();
        },
        onEnd() {},
        onDrain() {},
        onClose() {},
      };
    },
    { settings },
  );
  const connection = await fixture.dial(address);
  const streams = await Promise.all(
    Array.from({ length: stalled }, async () => {
      const { stream } = await connection.connect({ authority: 'stalled:1', headers: [] });
      stream.handlers = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };
      stream.write(Buffer.alloc(1));
      return stream;
    }),
  );
  await full;
  for (const stream of streams) stream.write(Buffer.alloc(2 * settings.streamWindowBytes));

  const { stream } = await connection.connect({ authority: 'echo:1', headers: [] });
  const result = await exchange(stream, 1, 1_000_000);

  expect(result).toMatchObject({ receivedBytes: 1_000_000, receivedHash: result.sentHash, end: { kind: 'clean' } });
  expect(received).toBe(stalled);
});

describe('a connection whose whole window is held by readers that stopped', () => {
  /** One more than the window and what it lends have room for. */
  const STALLED = 9;
  const WHOLE_WINDOW = 8 * settings.streamWindowBytes;
  const ECHO = { authority: 'echo:1', headers: [] };

  const silent = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

  /** Opens tunnels through a pool and has them stall in one direction. Time is the test's. */
  async function stall(
    direction: 'sending' | 'receiving',
    more: { readonly server?: Partial<HboneServerInit>; readonly pool?: Partial<HboneSettings> } = {},
  ) {
    const atServer: TunnelStream[] = [];
    const { address } = await fixture.serve(
      (incoming) => {
        if (incoming.authority !== 'stalled:1') return echo(incoming);
        const stream = incoming.accept();
        if (direction === 'receiving') stream.write(Buffer.alloc(2 * settings.streamWindowBytes));
        stream.handlers = silent;
        stream.pause();
        atServer.push(stream);
      },
      { settings, ...more.server },
    );
    const clock = createVirtualClock();
    const pool = fixture.pool({ ...settings, ...more.pool }, { clock });
    const hop = fixture.hop(address);
    const tunnels = await Promise.all(
      Array.from({ length: STALLED }, () => pool.connect(hop, { authority: 'stalled:1', headers: [] })),
    );
    for (const { stream } of tunnels) {
      stream.handlers = silent;
      stream.pause();
      if (direction === 'sending') stream.write(Buffer.alloc(2 * settings.streamWindowBytes));
    }
    const readers = direction === 'sending' ? atServer : tunnels.map(({ stream }) => stream);
    const unread = () => readers.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0);
    await until(() => unread() > WHOLE_WINDOW - settings.streamWindowBytes);
    return { clock, pool, open: () => pool.connect(hop, ECHO), readers };
  }

  it.each(['sending', 'receiving'] as const)(
    '%s, is not chosen for new tunnels: another is opened',
    async (direction) => {
      const { clock, pool, open } = await stall(direction);

      clock.advance(1_000);
      const { stream } = await open();
      const result = await exchange(stream, 1, 200_000);

      expect(pool.size).toBe(2);
      expect(result).toMatchObject({ receivedBytes: 200_000, receivedHash: result.sentHash, end: { kind: 'clean' } });
    },
  );

  it('is chosen as long as that may be ordinary load', async () => {
    const { clock, pool, open } = await stall('sending');

    clock.advance(999);
    await open();

    expect(pool.size).toBe(1);
  });

  it('is chosen again when they read on', async () => {
    const { clock, pool, open, readers } = await stall('sending');
    clock.advance(1_000);

    for (const reader of readers) reader.resume();
    await until(() => readers.every(({ bytesReceived }) => bytesReceived === 2 * settings.streamWindowBytes));
    await open();

    expect(pool.size).toBe(1);
  });

  it.each([
    ['the pool may have no other', { pool: { poolMaxConnections: 1 } }],
    ['no other can be opened', { server: { maxConnections: 1 } }],
  ])('is better than nothing when %s', async (_, more) => {
    const { clock, pool, open } = await stall('sending', more);

    clock.advance(1_000);
    await open();

    expect(pool.size).toBe(1);
  });
});
