/** When memory that was read into is used again, and when never. */
import { beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES, Block, cut, passOn, release, releaseUnkept } from '../../../src/hbone/blocks.js';

let block: Block;
beforeEach(() => {
  block = Block.take();
});

/** Whether the block is the next one to be read into. */
function isFree(): boolean {
  const next = Block.take();
  next.leave();
  return next === block;
}

describe('a block', () => {
  it('is used again when its reader has left it and all parts were passed on and released', () => {
    const parts = [block.lend(0, 100), block.lend(100, 5_000)];
    for (const part of parts) passOn(part);
    block.leave();

    const whileLent = isFree();
    for (const part of parts) release(part);

    expect([whileLent, isFree()]).toEqual([false, true]);
  });

  it('is not used again while its reader still reads into it', () => {
    const part = block.lend(0, 100);
    passOn(part);

    release(part);

    expect(isFree()).toBe(false);
  });

  it('is never used again when somebody keeps a part: only what was passed on can be released', () => {
    const [kept, passed] = [block.lend(0, 100), block.lend(100, 200)];
    passOn(passed);
    block.leave();

    release(kept);
    release(passed);

    expect(isFree()).toBe(false);
  });

  it('is not used again early because one part is released twice', () => {
    const [first, second] = [block.lend(0, 100), block.lend(100, 200)];
    passOn(first);
    passOn(second);
    block.leave();

    release(first);
    release(first);

    expect(isFree()).toBe(false);
  });

  it('waits for every piece that a part was cut into', () => {
    const whole = block.lend(0, 300);
    passOn(whole);
    block.leave();
    const [head, tail] = [cut(whole, 0, 100), cut(whole, 100)];

    release(head);
    const afterHead = isFree();
    release(tail);

    expect([afterHead, isFree()]).toEqual([false, true]);
  });

  it('has back at once what was only looked at', () => {
    const read = block.lend(0, 1_000);
    block.leave();
    const payload = read.subarray(9, 1_000);
    releaseUnkept(read, payload.length);
    const afterReading = isFree();

    passOn(payload);
    release(payload);

    expect([afterReading, isFree()]).toEqual([false, true]);
  });
});

it('memory that is no block is left alone', () => {
  const foreign = Buffer.allocUnsafeSlow(BLOCK_BYTES);

  passOn(foreign);
  release(foreign);
  releaseUnkept(foreign, 0);

  expect(isFree()).toBe(false);
});

it('no more than 4 MiB are kept', () => {
  const taken = Array.from({ length: 200 }, () => Block.take());
  for (const each of taken) each.leave();

  const again = new Set(Array.from({ length: 200 }, () => Block.take()));

  expect(taken.filter((each) => again.has(each))).toHaveLength(64);
});
