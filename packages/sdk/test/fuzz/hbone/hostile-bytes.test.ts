/** Any bytes after any valid beginning: the only outcomes are to live on, or one typed end with everything released. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codec } from '../../support/engine-pair.js';
import { createRawClient, createRawServer } from '../../support/raw-engine-peer.js';
import { raw, rawFrame } from '../../support/raw-frames.js';

const frame = fc.oneof(
  fc
    .record({ type: fc.nat(12), flags: fc.nat(255), id: fc.nat(9), payload: fc.uint8Array({ maxLength: 40 }) })
    .map(({ type, flags, id, payload }) => rawFrame(type, flags, id, payload)),
  fc.constantFrom(
    raw.connect(1),
    raw.connect(3),
    raw.data(1, 'x'),
    raw.rstStream(1, 8),
    raw.windowUpdate(0, 9),
    raw.settings(),
  ),
  fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
);

describe.each([
  ['a server', () => createRawClient({}, (request) => request.accept([]))],
  ['a client', () => createRawServer()],
] as const)('%s fed with hostile frames', (_, create) => {
  it('lives on, or ends once with a fault and gives everything back', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 30 }), (frames) => {
        const leased = codec.slots.leased;
        const peer = create();
        for (const one of frames) peer.send(one);
        peer.engine.close();

        expect(peer.end?.kind).toMatch(/fault|graceful/);
        expect(peer.engine.activeStreams).toBe(0);
        expect(codec.slots.leased).toBe(leased);
      }),
      { seed: 7, numRuns: 1_500 },
    );
  });
});
