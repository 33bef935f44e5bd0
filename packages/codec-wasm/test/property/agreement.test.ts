/** Both implementations say the same of anything, however it is cut. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, frame, hex } from '../support/bytes.js';
import { encodeInstructions, type Instruction, type Text } from '../support/hpack-encoder.js';
import { readMembers } from '../support/log.js';
import { KEYS, NAMES } from '../support/names.js';
import { decode, LIMITS, reference, wasm } from '../support/subjects.js';
import { PREFACE, SETTINGS } from '../vectors/vector.js';

const SEED = { seed: 20260722 };
const role = fc.constantFrom('client' as const, 'server' as const);

/** Cuts bytes at the given fractions of their length. */
function cut(bytes: Uint8Array, fractions: readonly number[]): Uint8Array[] {
  const ends = fractions.map((fraction) => Math.floor(fraction * bytes.length)).sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

const anyFrame = fc
  .record({
    type: fc.integer({ min: 0, max: 11 }),
    flags: fc.constantFrom(0, 1, 4, 5, 8, 9, 0xc, 0x20, 0x24, 0x2d, 0xff),
    streamId: fc.constantFrom(0, 1, 2, 3, 5, 0x80000001),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom(4, 5, 6, 8, 12, 192, 198).map((length) => new Uint8Array(length)),
      fc.constant(hex('88')),
    ),
  })
  .map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload));

test('frames of any type, flags, stream and payload', () => {
  const property = fc.property(role, fc.array(anyFrame, { maxLength: 12 }), cuts, (side, frames, at) => {
    const bytes = concat(hex(side === 'server' ? PREFACE : ''), hex(SETTINGS), ...frames);

    const said = decode(wasm, { ...LIMITS, role: side }, cut(bytes, at));

    expect(said).toEqual(decode(reference, { ...LIMITS, role: side }, [bytes]));
  });
  fc.assert(property, { ...SEED, numRuns: 1500 });
});

const textOf = (strings: fc.Arbitrary<string>): fc.Arbitrary<Text> =>
  fc.record({ text: strings, huffman: fc.boolean() });
const latin1 = fc.uint8Array({ maxLength: 40 }).map((bytes) => String.fromCharCode(...bytes));
const knownName = fc.constantFrom(...NAMES, 'x-a', 'x-bc', 'connection', 'Upper', 'a b', '');
const name = textOf(fc.oneof({ weight: 9, arbitrary: knownName }, { weight: 1, arbitrary: latin1 }));
const value = textOf(
  fc.oneof(
    latin1,
    fc.constantFrom('GET', 'CONNECT', '/', 'trailers', 'service.name=a, app.name=%41', 'k8s.cluster.name=é'),
    fc.constantFrom(100, 200, 1000, 4000, 4060, 4200).map((length) => 'v'.repeat(length)),
  ),
);
const index = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 0, max: 300 }));
const instruction: fc.Arbitrary<Instruction> = fc.oneof(
  fc.record({ op: fc.constant('indexed' as const), index }),
  fc.record({
    op: fc.constant('literal' as const),
    form: fc.constantFrom('indexing' as const, 'indexing' as const, 'without' as const, 'never' as const),
    name: fc.oneof(name, fc.integer({ min: 1, max: 66 })),
    value,
  }),
);
const resizes = fc.array(
  fc.record({
    op: fc.constant('resize' as const),
    size: fc.oneof(fc.constantFrom(0, 64, 200, 4096, 4097), fc.integer({ min: 0, max: 4096 })),
  }),
  { maxLength: 2 },
);
const block = fc
  .tuple(fc.oneof(fc.constant([]), fc.constant([]), resizes), fc.array(instruction, { maxLength: 12 }))
  .map(([before, fields]) => encodeInstructions([...before, ...fields]));

test('header blocks of any instructions, one after the other on one table', () => {
  const limits = fc.record({ maxHeaderListSize: fc.constantFrom(0, 100, 1000, 65_536) });
  const table = fc.constantFrom(4096, 4096, 200, 0);
  const property = fc.property(role, limits, table, fc.array(block, { maxLength: 6 }), (side, limit, size, blocks) => {
    const init = { ...LIMITS, ...limit, maxHeaderBlockSize: 65_536, maxFrameSize: 1_000_000, role: side };
    const open = hex(side === 'server' ? PREFACE + SETTINGS : SETTINGS);
    const bytes = concat(open, ...blocks.map((bytes) => frame(1, 4, 1, bytes)));

    const said = decode(wasm, init, [bytes], size);

    expect(said).toEqual(decode(reference, init, [bytes], size));
  });
  fc.assert(property, { ...SEED, numRuns: 600 });
});

test('a dynamic table that lives long: entries come and go many times over its memory', () => {
  const insert = fc.record({
    name: fc.stringMatching(/^[a-z]{1,8}$/),
    value: fc.stringMatching(/^[a-z]{0,20}$/).map((text) => text.repeat(40)),
    huffman: fc.boolean(),
    /** Which of the entries still there to ask for next, from the newest (0) to the oldest (1). */
    age: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  const property = fc.property(fc.array(insert, { minLength: 60, maxLength: 80 }), (inserts) => {
    const sizes: number[] = [];
    const blocks = inserts.map(({ name, value, huffman, age }) => {
      sizes.unshift(name.length + value.length + 32);
      while (sizes.reduce((sum, size) => sum + size, 0) > 4096) sizes.pop();
      const index = 62 + Math.round(age * (sizes.length - 1));
      const field = { name: { text: name, huffman }, value: { text: value, huffman } };
      return frame(
        1,
        4,
        1,
        encodeInstructions([
          { op: 'literal', form: 'indexing', ...field },
          { op: 'indexed', index },
        ]),
      );
    });
    const bytes = concat(hex(SETTINGS), ...blocks);

    const said = decode(wasm, { ...LIMITS, role: 'client' }, [bytes]);

    expect(said).toEqual(decode(reference, { ...LIMITS, role: 'client' }, [bytes]));
    expect(said.filter(({ event }) => event === 'error')).toEqual([]);
  });
  fc.assert(property, { ...SEED, numRuns: 30 });
});

test('baggage of any lines', () => {
  const piece = fc.oneof(
    fc.constantFrom(...KEYS.slice(0, 4), '=', '=', ',', ',', ';', ' ', '\t', '%', '%4', '%41', '%c3%a9', '%E2%82', 'v'),
    fc.string({ maxLength: 3 }),
  );
  const line = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''));
  const property = fc.property(fc.array(line, { maxLength: 4 }), (lines) => {
    const read = readMembers(wasm.decodeBaggage(lines));

    expect(read).toEqual(readMembers(reference.decodeBaggage(lines)));
  });
  fc.assert(property, { ...SEED, numRuns: 5000 });
});
