/**
 * Seeded noise and mutated vectors: nothing but CodecError is thrown, both implementations say the same, and no slot stays
 * leased. FUZZ_SECONDS and FUZZ_SEED try others.
 */
import { afterAll, expect, test } from 'vitest';
import { CodecError } from '../../src/errors.js';
import { concat, frame, hex } from '../support/bytes.js';
import { cut, fuzz, mutate, same, TIMEOUT } from '../support/fuzz.js';
import { readMembers } from '../support/log.js';
import { decode, LIMITS, reference, wasm } from '../support/subjects.js';
import { baggage } from '../vectors/baggage.js';
import { accepted, refused } from '../vectors/frames.js';
import { appendixC, brokenBlocks, malformedMessages, toleratedBlocks, wellFormedMessages } from '../vectors/hpack.js';
import { PREFACE, SETTINGS } from '../vectors/vector.js';

/** Of each target; about a second of CPU. */
const CASES = 6_000;

const vectors = [
  ...accepted,
  ...refused,
  ...appendixC,
  ...brokenBlocks,
  ...toleratedBlocks,
  ...malformedMessages,
  ...wellFormedMessages,
];
const corpus = vectors.map(({ role, bytes }) => ({ role, bytes: hex(bytes) }));
/** Payloads of the HEADERS frames of the corpus. */
const blocks = corpus.flatMap(({ role, bytes }) => {
  const first = role === 'server' ? 24 + 9 : 9;
  const length = bytes[first + 2] ?? 0;
  return bytes[first + 3] === 1 ? [bytes.subarray(first + 9, first + 9 + length)] : [];
});

/** What a reader says, or the code it refuses with. */
function orCode<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof CodecError) return error.code;
    throw error;
  }
}

afterAll(() => {
  expect(wasm.slots.leased).toBe(0);
});

test('mutated connections', TIMEOUT, () => {
  const cases = fuzz(CASES, (random) => {
    const { role, bytes } = random.pick(corpus);
    let mutated = bytes;
    for (let i = random.below(4); i >= 0; i--) mutated = mutate(random, mutated, random.pick(corpus).bytes);
    const init = { ...LIMITS, role, maxHeaderListSize: random.pick([60, 65_536]) };

    same(decode(wasm, init, cut(random, mutated)), decode(reference, init, [mutated]));
  });
  expect(cases).toBeGreaterThan(0);
});

test('mutated header blocks on one table', TIMEOUT, () => {
  const cases = fuzz(CASES, (random) => {
    const role = random.pick(['client', 'server'] as const);
    const parts = [hex(role === 'server' ? PREFACE + SETTINGS : SETTINGS)];
    for (let i = random.below(4); i >= 0; i--) {
      const noise = Uint8Array.from({ length: random.below(40) }, () => random.below(256));
      const block = random.below(4) === 0 ? noise : mutate(random, random.pick(blocks), random.pick(blocks));
      parts.push(frame(1, 4, 1, block));
    }
    const init = { ...LIMITS, role, maxHeaderListSize: random.pick([60, 300, 65_536]) };
    const tableSize = random.pick([4096, 4096, 128]);
    const bytes = concat(...parts);

    same(decode(wasm, init, [bytes], tableSize), decode(reference, init, [bytes], tableSize));
  });
  expect(cases).toBeGreaterThan(0);
});

test('mutated baggage', TIMEOUT, () => {
  const lines = baggage.flatMap((vector) => vector.lines);
  const bytesOf = (line: string): Uint8Array => Uint8Array.from(line, (character) => character.charCodeAt(0) & 0xff);
  const cases = fuzz(CASES, (random) => {
    const mutated: string[] = [];
    for (let i = random.below(3); i >= 0; i--) {
      const bytes = mutate(random, bytesOf(random.pick(lines)), bytesOf(random.pick(lines)));
      mutated.push(String.fromCharCode(...bytes));
    }

    const said = orCode(() => readMembers(wasm.decodeBaggage(mutated)));

    same(
      said,
      orCode(() => readMembers(reference.decodeBaggage(mutated))),
    );
  });
  expect(cases).toBeGreaterThan(0);
});
