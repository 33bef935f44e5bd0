/** Seeded conversations of a client for foreign readers: mostly in order, with small errors in them. */
import { concat, frame, hex } from './bytes.js';
import { encodeInstructions, type Instruction } from './hpack-encoder.js';
import type { Random } from './random.js';

const NAMES = ['x-a', 'x-bc', 'accept', 'cookie', 'baggage', 'connection', 'te', 'Upper', 'a b', ':status', ''];
const VALUES = [
  '',
  'a',
  'b c',
  'service.name=a',
  'trailers',
  ' lead',
  'nul\0',
  '\xe9',
  'v'.repeat(200),
  'z'.repeat(4090),
];

function field(random: Random): Instruction {
  const huffman = random.below(2) === 0;
  // The first half of the names, mostly: the others are refused or dropped.
  const name = random.pick(random.below(12) === 0 ? NAMES : NAMES.slice(0, 5));
  const value = random.pick(random.below(8) === 0 ? VALUES : VALUES.slice(0, 4));
  const form = random.pick(['indexing', 'indexing', 'without', 'never'] as const);
  if (random.below(4) === 0) return { op: 'indexed', index: 62 + random.below(3) };
  return { op: 'literal', form, name: { text: name, huffman }, value: { text: value, huffman } };
}

/** Fields to follow whatever a message has to begin with. */
export function fields(random: Random): Instruction[] {
  const instructions = Array.from({ length: random.below(4) }, () => field(random));
  if (random.below(20) === 0) instructions.splice(random.below(2), 0, { op: 'resize', size: random.below(5000) });
  return instructions;
}

const text = (value: string): { text: string; huffman: boolean } => ({ text: value, huffman: true });
const AUTHORITY: Instruction = { op: 'literal', form: 'without', name: 1, value: text('10.0.0.1:80') };
const CONNECT: readonly Instruction[] = [
  { op: 'literal', form: 'without', name: 2, value: text('CONNECT') },
  AUTHORITY,
];
/** :method GET, :scheme http, :path / */
const GET: readonly Instruction[] = [2, 6, 4].map((index): Instruction => ({ op: 'indexed', index })).concat(AUTHORITY);

/**
 * Depends on a stream that is no stream's number but for several bits: RFC 9113 section 5.3 has such fields ignored, and
 * nghttp2 still refuses a stream that depends on itself.
 */
const PRIORITY = hex('70000000 10');

/** Frames of one request. */
function request(random: Random, streamId: number): Uint8Array {
  const start = random.pick([CONNECT, GET]);
  let block = encodeInstructions([...start, ...fields(random)]);
  if (random.below(15) === 0) block = block.with(random.below(block.length), random.below(256));
  const ends = random.below(3) === 0 ? 1 : 0;
  if (random.below(4) > 0) return frame(1, 4 | ends, streamId, block);
  const at = random.below(block.length);
  const priority = concat(hex('02'), PRIORITY, block.subarray(0, at), new Uint8Array(2));
  return concat(frame(1, 0x28 | ends, streamId, priority), frame(9, 4, streamId, block.subarray(at)));
}

function data(random: Random, streamId: number): Uint8Array {
  const payload = Uint8Array.from({ length: random.below(40) }, () => random.below(256));
  const ends = random.below(5) === 0 ? 1 : 0;
  if (random.below(3) > 0) return frame(0, ends, streamId, payload);
  const padding = random.below(12) === 0 ? 200 : random.below(5);
  return frame(0, 8 | ends, streamId, concat(Uint8Array.of(padding), payload, new Uint8Array(padding % 200)));
}

/** Payloads of every length near the right one. */
function control(random: Random, streamId: number): Uint8Array {
  const type = random.pick([2, 3, 4, 6, 8, 8, 8, 0x20]);
  const right = { 2: 5, 3: 4, 4: random.pick([0, 6, 12]), 6: 8, 8: 4 }[type] ?? random.below(20);
  const length = random.below(10) === 0 ? Math.max(0, right + random.below(3) - 1) : right;
  const payload = new Uint8Array(length);
  // SETTINGS_MAX_HEADER_LIST_SIZE, an increment of 1, an error code: something small in the last byte.
  if (length > 0 && random.below(10) > 0) payload[length - 1] = 1;
  if (type === 2) payload.set(PRIORITY.subarray(0, length));
  if (type === 4) for (let at = 1; at < length; at += 6) payload[at] = random.pick([6, 6, 6, 2, 3, 4, 5]);
  const onConnection = type === 4 || type === 6 || (type === 8 && random.below(2) === 0);
  const misplaced = random.below(20) === 0;
  return frame(type, type === 6 ? random.below(2) : 0, onConnection !== misplaced ? 0 : streamId, payload);
}

/** Behind preface and SETTINGS. */
export function conversation(random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  let last = -1;
  for (let left = 1 + random.below(8); left > 0; left--) {
    const kind = random.below(3);
    if (last < 0 || kind === 0) {
      last += 2;
      parts.push(request(random, last));
    } else {
      const streamId = 1 + 2 * random.below((last + 1) / 2);
      parts.push(kind === 1 ? data(random, streamId) : control(random, streamId));
    }
  }
  const bytes = concat(...parts);
  // One bit anywhere, frame headers included.
  const at = random.below(bytes.length);
  return random.below(4) === 0 ? bytes.with(at, (bytes[at] as number) ^ (1 << random.below(8))) : bytes;
}
