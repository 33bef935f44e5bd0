/** Decoding keeps nothing: neither wasm nor the heap grows with what was read. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Memory, PAGE } from '../../src/abi.js';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import { instantiate } from '../../src/instance.js';
import { hasSimd } from '../../src/simd.js';
import { Event } from '../../src/types.js';
import { concat, frame, hex } from '../support/bytes.js';
import { LIMITS, wasm } from '../support/subjects.js';
import { SETTINGS } from '../vectors/vector.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function used(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test('300 000 frames of all kinds, header blocks cut in two among them, leave no trace', () => {
  const decoder = wasm.openDecoder({ ...LIMITS, role: 'client' });
  const block = encodeHeaderBlock([
    [':status', '200'],
    ['baggage', 'service.name=a%20b'],
    ['x-id', '1'],
  ]);
  const round = concat(
    hex(SETTINGS),
    frame(1, 4, 1, block),
    frame(1, 0, 3, block.subarray(0, 10)),
    frame(9, 4, 3, block.subarray(10)),
    ...Array.from({ length: 20 }, (_, i) => frame(0, i & 1, 1, new Uint8Array(100))),
    frame(6, 0, 0, new Uint8Array(8)),
    frame(8, 0, 0, hex('00001000')),
  );
  const frames = 26;
  const read = (rounds: number): number => {
    let events = 0;
    for (let i = 0; i < rounds; i++) {
      for (const chunk of [round.subarray(0, 60), round.subarray(60)]) {
        decoder.push(chunk);
        while (decoder.next() !== Event.None) events++;
      }
    }
    return events;
  };
  const perRound = read(1);
  read(1000);
  // What the compiler keeps when it optimizes is kept once; a trace of what was read would be in every part.
  const grown: number[] = [];
  let events = 0;

  for (let part = 0; part < 3; part++) {
    const before = used();
    events += read(Math.ceil(100_000 / frames));
    grown.push(used() - before);
  }

  decoder.close();
  expect(events).toBe(perRound * 3 * Math.ceil(100_000 / frames));
  expect(Math.min(...grown)).toBeLessThan(64 * 1024);
});

test.each([1, 2, 3, 4, 5, 6, 1000])('the memory for %d slots is as large as it will ever be', (slots) => {
  const { memory } = instantiate({ slots, residentBytes: 0, simd: hasSimd() });
  const size = memory.buffer.byteLength;

  expect(() => memory.grow(1)).toThrowError(RangeError);
  expect(size - (Memory.SLOTS + slots * Memory.SLOT_SIZE)).toBeLessThan(PAGE + Memory.PADDING);
});
