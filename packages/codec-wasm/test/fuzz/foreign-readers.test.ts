/**
 * The same bytes, the same reading: seeded conversations against node:http2, which is nghttp2, and header blocks against
 * hpack.js. Where a foreign reader is known to differ, the difference is written down here; any other fails.
 */
import { expect, test } from 'vitest';
import { createHpackJsDecoder, type Field } from '../../bench/peers/hpack-js.js';
import { ErrorCode } from '../../src/errors.js';
import { concat, frame, hex } from '../support/bytes.js';
import { conversation, fields } from '../support/conversations.js';
import { cut, fuzz, fuzzInTurns, mutate, same, TIMEOUT } from '../support/fuzz.js';
import { encodeInstructions, type Instruction } from '../support/hpack-encoder.js';
import { type Entry, hexOf, logOf } from '../support/log.js';
import { END_MARK, type ForeignReading, ForeignServer } from '../support/node-http2.js';
import type { Random } from '../support/random.js';
import { leavesTheCodec } from '../support/stream-rules.js';
import { decode, LIMITS, wasm } from '../support/subjects.js';
import { PREFACE, SETTINGS } from '../vectors/vector.js';

/** About a second of CPU each. */
const CONVERSATIONS = 700;
const BLOCKS = 2_500;
const { FRAME_SIZE_ERROR, COMPRESSION_ERROR, INTERNAL_ERROR } = ErrorCode;

/** nghttp2 may answer these with another code than ours. */
const OTHER_CODE: Readonly<Record<string, number>> = {
  // It asks for the length before the place.
  PRIORITY_ON_CONNECTION: FRAME_SIZE_ERROR,
  RST_STREAM_ON_CONNECTION: FRAME_SIZE_ERROR,
  SETTINGS_ON_STREAM: FRAME_SIZE_ERROR,
  PING_ON_STREAM: FRAME_SIZE_ERROR,
  STREAM_ID_EVEN: FRAME_SIZE_ERROR,
  // It reads the fragments of a block as they come, and finds what is wrong in them first.
  CONTINUATION_EXPECTED: COMPRESSION_ERROR,
};
/**
 * nghttp2 does not come to these: it skips DATA of a stream that is over, padding and all, and waits for a CONTINUATION
 * of any length.
 */
const NOT_ASKED: ReadonlySet<string | undefined> = new Set(['DATA_PADDING', 'FRAME_TOO_SHORT', 'FRAME_TOO_LARGE']);
/** Errors of one stream to us, as RFC 9113 sections 6.3 and 6.9 have it; to nghttp2 they cost the connection. */
const FATAL_THERE: ReadonlySet<string> = new Set(['PRIORITY_LENGTH', 'STREAM_WINDOW_UPDATE_ZERO']);

test('conversations are read as node:http2 reads them', TIMEOUT, async () => {
  const foreign = new ForeignServer();
  let compared = 0;
  const cases = await fuzzInTurns(CONVERSATIONS, async (random) => {
    const bytes = concat(hex(PREFACE + SETTINGS), conversation(random), END_MARK);

    const said = decode(wasm, { ...LIMITS, role: 'server' }, cut(random, bytes));

    if (!canBeCompared(said)) return;
    expectSameReading(said, await foreign.read(bytes));
    compared++;
  });
  expect(compared).toBeGreaterThan(cases / 2);
});

function canBeCompared(said: readonly Entry[]): boolean {
  const last = said.at(-1);
  if (last?.event === 'error') return !NOT_ASKED.has(last.code) && !leavesTheCodec(said);
  // Else a length was changed, and both wait for bytes.
  const isRead = last?.event === 'ping' && last.payload === hexOf(END_MARK.subarray(9));
  return isRead && !leavesTheCodec(said);
}

function expectSameReading(said: readonly Entry[], theirs: ForeignReading): void {
  const last = said.at(-1);
  if (said.some((entry) => entry.event === 'stream-error' && FATAL_THERE.has(String(entry.violation)))) {
    expect(theirs.refused).toBeDefined();
  } else if (last?.event === 'error') {
    expect([last.http2Code, OTHER_CODE[last.code], INTERNAL_ERROR], last.code).toContain(theirs.refused);
  } else {
    expect(theirs.refused).toBeUndefined();
    expectSameRequests(said, theirs);
  }
}

function expectSameRequests(said: readonly Entry[], theirs: ForeignReading): void {
  const reset = new Set(said.flatMap((entry) => (entry.event === 'rst' ? [entry.streamId] : [])));
  for (const entry of said) {
    if (entry.event !== 'headers' || reset.has(entry.streamId)) continue;
    const { streamId, endStream } = entry;
    const payload = said.flatMap((other) =>
      other.event === 'data' && other.streamId === streamId ? [other.payload] : [],
    );
    const fields = entry.fields.map(([name, value]) => [name, value] as const).filter(isKeptByNghttp2);

    same(theirs.requests.get(streamId), { fields, endStream, payload: payload.join('') });
    expect(theirs.resets.has(streamId)).toBe(false);
  }
}

/** It drops fields that RFC 9113 section 8.2.1 lets pass: names that are no tokens, values with control characters. */
function isKeptByNghttp2([name, value]: readonly [name: string, value: string]): boolean {
  const hasControl = [...value].some((character) => (character < ' ' && character !== '\t') || character === '\x7f');
  return /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) && !hasControl;
}

test('header blocks are read as hpack.js reads them', TIMEOUT, () => {
  let compared = 0;
  const cases = fuzz(BLOCKS, (random) => {
    const decoder = wasm.openDecoder({ ...LIMITS, role: 'client' });
    try {
      const foreign = createHpackJsDecoder();
      logOf(decoder, [hex(SETTINGS)]);
      // On one table, until both have enough.
      for (let left = 1 + random.below(6); left > 0; left--) {
        const block = answer(random);

        const [said] = logOf(decoder, [frame(1, 4, 1, block)]);

        const theirs = fieldsOrRefusal(() => foreign(Buffer.from(block)));
        if (said?.event === 'headers') expectSameFields(said.fields, theirs);
        if (said?.event === 'error' && !LAX_THERE.has(said.code)) expect(typeof theirs, said.code).toBe('string');
        if (said?.event === 'error' || typeof theirs === 'string') return;
        compared++;
      }
    } finally {
      decoder.close();
    }
  });
  expect(compared).toBeGreaterThan(cases / 2);
});

/** hpack.js takes a table size update anywhere in a block. */
const LAX_THERE: ReadonlySet<string> = new Set(['HPACK_TABLE_UPDATE_LATE']);
/** Its refusal of integers of five bytes behind the prefix, which may still be small: RFC 7541 section 5.1. */
const STRICT_THERE = 'Integer does not fit into 32 bits';

function answer(random: Random): Uint8Array {
  const resize: Instruction[] = random.below(8) === 0 ? [{ op: 'resize', size: random.below(4200) }] : [];
  const block = encodeInstructions([...resize, { op: 'indexed', index: 8 }, ...fields(random)]);
  return random.below(4) === 0 ? mutate(random, block, block) : block;
}

function fieldsOrRefusal(read: () => Field[]): Field[] | string {
  try {
    return read();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function expectSameFields(
  said: readonly (readonly [name: string, value: string, id: number])[],
  theirs: Field[] | string,
): void {
  if (theirs === STRICT_THERE) return;
  expect(typeof theirs === 'string' ? theirs : 'read').toBe('read');
  same(
    said.map(([name, value]) => ({ name, value })),
    (theirs as Field[]).map(({ name, value }) => ({ name, value })),
  );
}
