/** Bytes in order, and how much memory they hold back while they wait. */
import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../../../src/hbone/byte-queue.js';
import { seeded } from '../../support/seeded.js';

/** A few bytes in the memory of a large read, as a peer can have them. */
function sliverOf(text: string): Uint8Array {
  const read = Buffer.alloc(16_384, 'x');
  read.write(text, 100, 'latin1');
  return read.subarray(100, 100 + text.length);
}

function drain(queue: ByteQueue): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = queue.shift(); chunk; chunk = queue.shift()) chunks.push(chunk);
  return chunks;
}

describe('a queue', () => {
  it('holds 10,000 single bytes in little more memory than they are', () => {
    const queue = new ByteQueue();

    for (let index = 0; index < 10_000; index++) queue.hold(sliverOf(String(index % 10)));

    const chunks = drain(queue);
    const memory = new Set(chunks.map(({ buffer }) => buffer));
    expect(Buffer.concat(chunks).toString()).toBe('0123456789'.repeat(1_000));
    expect([...memory].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(20_000);
    expect(chunks.length).toBeLessThan(5);
  });

  it('keeps a large chunk as it is', () => {
    const queue = new ByteQueue();
    const chunk = Buffer.allocUnsafeSlow(16_384);

    const isKept = queue.hold(chunk);

    expect([isKept, queue.shift()]).toEqual([true, chunk]);
  });

  it('keeps the order, whatever is pushed, held, and taken in between', () => {
    const random = seeded(7);
    const queue = new ByteQueue();
    const [sent, received]: [string[], string[]] = [[], []];

    for (let step = 0; step < 5_000; step++) {
      const text = String(step).repeat(1 + Math.floor(random() * 5));
      sent.push(text);
      if (random() < 0.7) queue.hold(sliverOf(text));
      else queue.push(Buffer.from(text));
      while (random() < 0.5) received.push(String(queue.shift(1 + Math.floor(random() * 10)) ?? ''));
    }
    received.push(...queue.take().map(String));

    expect(received.join('')).toBe(sent.join(''));
    expect(queue.length).toBe(0);
  });
});
