/** Linear memory is as large as its slots need, and never grows. What decoding leaves on the heap: test/memory. */
import { expect, test } from 'vitest';
import { Memory, PAGE } from '../../src/abi.js';
import { instantiate } from '../../src/instance.js';
import { hasSimd } from '../../src/simd.js';

test.each([1, 2, 3, 4, 5, 6, 1000])('the memory for %d slots is as large as it will ever be', (slots) => {
  const { memory } = instantiate({ slots, residentBytes: 0, simd: hasSimd() });
  const size = memory.buffer.byteLength;

  expect(() => memory.grow(1)).toThrowError(RangeError);
  expect(size - (Memory.SLOTS + slots * Memory.SLOT_SIZE)).toBeLessThan(PAGE + Memory.PADDING);
});
