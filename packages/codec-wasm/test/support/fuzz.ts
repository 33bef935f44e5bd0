/** What the fuzz targets share: time, seeds, and small changes to bytes. FUZZ_SECONDS (default 3) and FUZZ_SEED say others. */
import { expect } from 'vitest';
import { concat } from './bytes.js';
import { createRandom, type Random } from './random.js';

export const SECONDS = Number(process.env.FUZZ_SECONDS ?? 3);
export const TIMEOUT = { timeout: SECONDS * 1000 + 20_000 };
const SEED = Number(process.env.FUZZ_SEED ?? 1);

/** Runs cases for that many seconds; each has a seed of its own, so that a failure can be run alone. */
export function fuzz(seconds: number, attempt: (random: Random) => void): number {
  const end = performance.now() + seconds * 1000;
  let seed = SEED;
  for (; performance.now() < end; seed++) {
    try {
      attempt(createRandom(seed));
    } catch (error) {
      throw failure(seed, error);
    }
  }
  return seed - SEED;
}

/** The same for cases that take their time. */
export async function fuzzInTurns(seconds: number, attempt: (random: Random) => Promise<void>): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let seed = SEED;
  for (; performance.now() < end; seed++) {
    try {
      await attempt(createRandom(seed));
    } catch (error) {
      throw failure(seed, error);
    }
  }
  return seed - SEED;
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
