/** Readers that stop, and the tunnels that share their connection: those go on. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exchange } from '../../support/bulk.js';
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
