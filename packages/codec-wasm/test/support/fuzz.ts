/**
 * What the fuzz targets share: seeds, and small changes to bytes. A test run takes the same cases on every machine, however fast.
 * FUZZ_SECONDS gives each target so much time instead, and FUZZ_SEED says which seed is the first.
 */
import { expect } from 'vitest';
import { concat } from './bytes.js';
import { createRandom, type Random } from './random.js';

const SECONDS = process.env.FUZZ_SECONDS === undefined ? undefined : Number(process.env.FUZZ_SECONDS);
/** A minute for what hangs. */
export const TIMEOUT = { timeout: (SECONDS ?? 0) * 1000 + 60_000 };
const SEED = Number(process.env.FUZZ_SEED ?? 1);

/** Runs that many cases and returns how many it were; each has a seed of its own, so that a failure can be run alone. */
export function fuzz(cases: number, attempt: (random: Random) => void): number {
  const isOver = limit(cases);
  let seed = SEED;
  for (; !isOver(seed - SEED); seed++) {
    try {
      attempt(createRandom(seed));
    } catch (error) {
      throw failure(seed, error);
    }
  }
  return seed - SEED;
}

/** The same for cases that wait for something. */
export async function fuzzInTurns(cases: number, attempt: (random: Random) => Promise<void>): Promise<number> {
  const isOver = limit(cases);
  let seed = SEED;
  for (; !isOver(seed - SEED); seed++) {
    try {
      await attempt(createRandom(seed));
    } catch (error) {
      throw failure(seed, error);
    }
  }
  return seed - SEED;
}

function limit(cases: number): (done: number) => boolean {
  if (SECONDS === undefined) return (done) => done >= cases;
  const end = performance.now() + SECONDS * 1000;
  return () => performance.now() >= end;
}

function failure(seed: number, cause: unknown): Error {
  return new Error(`FUZZ_SEED=${seed} fails`, { cause });
}

/** One small change: a bit, a byte, a run removed, repeated or taken from elsewhere. */
export function mutate(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = random.below(8);
  const run = other.subarray(random.below(other.length + 1)).subarray(0, length);
  const change = random.below(5);
  if (change === 0 && at < bytes.length) return bytes.with(at, (bytes[at] as number) ^ (1 << random.below(8)));
  if (change === 1 && at < bytes.length) return bytes.with(at, random.below(256));
  if (change === 2) return concat(bytes.subarray(0, at), bytes.subarray(at + length));
  if (change === 3) return concat(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - length)));
  return concat(bytes.subarray(0, at), run, bytes.subarray(at));
}

export function cut(random: Random, bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(random.pick([2, 20, 1000]));
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

/** `toEqual`, but quick when there is nothing to say. */
export function same(actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual).toEqual(expected);
}
