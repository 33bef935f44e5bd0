import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSocks5Handshake, MAX_HANDSHAKE, type Socks5Step } from '../../../src/capture/socks5.js';

/** Plays the chunks; tells what was sent, how it ended and what was left. */
function play(chunks: readonly Uint8Array[]) {
  const handshake = createSocks5Handshake();
  const sent: number[] = [];
  for (const [index, chunk] of chunks.entries()) {
    handshake.push(chunk);
    let step: Socks5Step = handshake.next();
    for (; step.kind === 'send'; step = handshake.next()) sent.push(...step.bytes);
    if (step.kind === 'more') continue;
    const rest = step.kind === 'request' ? [step.rest] : [];
    const left = step.kind === 'request' ? Buffer.concat([...rest, ...chunks.slice(index + 1)]).toString('hex') : '';
    const end =
      step.kind === 'request' ? { target: step.target } : { reason: step.reason, bytes: step.bytes && [...step.bytes] };
    return { sent, end, left };
  }
  return { sent, end: 'more', left: '' };
}

const greeting = fc.uint8Array({ maxLength: 6 }).map((methods) => [5, methods.length, ...methods]);
const request = fc
  .tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(1, 3, 4, 9), fc.uint8Array({ maxLength: 24 }))
  .map(([command, type, rest]) => [5, command, 0, type, ...rest]);
/** Mostly close to the real thing, sometimes anything. */
const input = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(greeting, request).map(([first, second]) => Uint8Array.from([...first, ...second])),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2 * MAX_HANDSHAKE }) },
);

describe('the SOCKS5 handshake, for any bytes', () => {
  it('ends the same way however the bytes are cut', () => {
    fc.assert(
      fc.property(input, fc.array(fc.nat({ max: 64 }), { maxLength: 8 }), (bytes, sizes) => {
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const size of sizes) {
          if (size > 0 && at < bytes.length) chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        if (at < bytes.length) chunks.push(bytes.subarray(at));

        expect(play(chunks)).toEqual(play([bytes]));
      }),
      { numRuns: 2_000, seed: 1_928 },
    );
  });

  it('never wants more once the longest possible handshake is there', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: MAX_HANDSHAKE, maxLength: 2 * MAX_HANDSHAKE }), (bytes) => {
        const started = Uint8Array.from(bytes);
        started[0] = 5;

        expect(play([started]).end).not.toBe('more');
      }),
      { numRuns: 500, seed: 1_928 },
    );
  });
});
