/**
 * What RFC 9113 section 6 asks of a frame before its payload is looked at: one row per frame type. Frames of other
 * types have no row: they are skipped (section 4.1), unless a header block is open (section 6.10).
 */
import {
  CONTINUATION_EXPECTED, CONTINUATION_TOO_MANY, CONTINUATION_UNEXPECTED, DATA_ON_CONNECTION, FIRST_FRAME_NOT_SETTINGS,
  FRAME_TOO_LARGE, FRAME_TOO_SHORT, GOAWAY_LENGTH, GOAWAY_ON_STREAM, HEADERS_ON_CONNECTION, PING_LENGTH,
  PING_ON_STREAM, PRIORITY_LENGTH, PRIORITY_ON_CONNECTION, PUSH_PROMISE_RECEIVED, RST_STREAM_LENGTH,
  RST_STREAM_ON_CONNECTION, SETTINGS_ACK_LENGTH, SETTINGS_LENGTH, SETTINGS_ON_STREAM, SETTINGS_TOO_MANY,
  STREAM_ID_EVEN, WINDOW_UPDATE_LENGTH,
} from '../events';
import { BLOCK_STREAM, CONTINUATIONS, MAX_CONTINUATIONS, MAX_FRAME, MAX_SETTINGS, SETTINGS_SEEN, get } from '../memory';

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;
export const KNOWN_TYPES = 10;

export const END_STREAM = 0x01;
export const ACK = 0x01;
export const END_HEADERS = 0x04;
export const PADDED = 0x08;
export const PRIORITY_FIELDS = 0x20;

// Where the frame may be sent.
const CONN = 0;
const STREAM = 1;
const BOTH = 2;
// How long its payload may be.
const ANY = 0;
const EXACT = 1;
const LEAST = 2;
const TIMES = 3;

const ROW = 5;
const RULES: StaticArray<i32> = [
  // where  fault when elsewhere      length          fault when other        RFC 9113
  STREAM,  DATA_ON_CONNECTION,        ANY,   0,       0,                   // 6.1  DATA
  STREAM,  HEADERS_ON_CONNECTION,     ANY,   0,       0,                   // 6.2  HEADERS
  STREAM,  PRIORITY_ON_CONNECTION,    EXACT, 5,       PRIORITY_LENGTH,     // 6.3  PRIORITY (one stream's fault only)
  STREAM,  RST_STREAM_ON_CONNECTION,  EXACT, 4,       RST_STREAM_LENGTH,   // 6.4  RST_STREAM
  CONN,    SETTINGS_ON_STREAM,        TIMES, 6,       SETTINGS_LENGTH,     // 6.5  SETTINGS
  BOTH,    0,                         ANY,   0,       0,                   // 6.6  PUSH_PROMISE: never allowed, see below
  CONN,    PING_ON_STREAM,            EXACT, 8,       PING_LENGTH,         // 6.7  PING
  CONN,    GOAWAY_ON_STREAM,          LEAST, 8,       GOAWAY_LENGTH,       // 6.8  GOAWAY
  BOTH,    0,                         EXACT, 4,       WINDOW_UPDATE_LENGTH,// 6.9  WINDOW_UPDATE
  STREAM,  CONTINUATION_UNEXPECTED,   ANY,   0,       0,                   // 6.10 CONTINUATION
];

/** The rule this frame header breaks, or 0. */
export function check(slot: usize, type: i32, flags: i32, streamId: i32, length: i32): i32 {
  // Section 3.4, both directions. Checked before the length: what a peer of another protocol says is not a long frame.
  if (get(slot, SETTINGS_SEEN) == 0 && (type != SETTINGS || (flags & ACK) != 0)) return FIRST_FRAME_NOT_SETTINGS;
  if (length > get(slot, MAX_FRAME)) return FRAME_TOO_LARGE;
  const sequence = checkSequence(slot, type, streamId);
  if (sequence != 0) return sequence;
  if (type >= KNOWN_TYPES) return 0;
  // We never allow push (ENABLE_PUSH 0), and a client can never push: section 8.4.
  if (type == PUSH_PROMISE) return PUSH_PROMISE_RECEIVED;

  const row = type * ROW;
  const where = unchecked(RULES[row]);
  if (where != BOTH && (streamId != 0) != (where == STREAM)) return unchecked(RULES[row + 1]);
  // Even ids are for pushed streams, which cannot exist here; only PRIORITY may name an idle stream (section 5.1).
  if ((streamId & 1) == 0 && streamId != 0 && type != PRIORITY) return STREAM_ID_EVEN;
  if (!lengthFits(unchecked(RULES[row + 2]), unchecked(RULES[row + 3]), length)) return unchecked(RULES[row + 4]);
  if (length < prefixLength(type, flags, length)) return FRAME_TOO_SHORT;
  return type == SETTINGS ? checkSettingsLength(flags, length) : 0;
}

/** Bytes at the start of the payload that are read here; what follows is reported by position or skipped. */
export function prefixLength(type: i32, flags: i32, length: i32): i32 {
  const padding = (flags & PADDED) != 0 ? 1 : 0;
  if (type == DATA) return padding;
  if (type == HEADERS) return padding + ((flags & PRIORITY_FIELDS) != 0 ? 5 : 0);
  if (type == SETTINGS) return length;
  if (type == GOAWAY || type == PING) return 8;
  if (type == RST_STREAM || type == WINDOW_UPDATE) return 4;
  return 0;
}

function checkSequence(slot: usize, type: i32, streamId: i32): i32 {
  const open = get(slot, BLOCK_STREAM);
  if (open == 0) return type == CONTINUATION ? CONTINUATION_UNEXPECTED : 0;
  if (type != CONTINUATION || streamId != open) return CONTINUATION_EXPECTED;
  return get(slot, CONTINUATIONS) >= get(slot, MAX_CONTINUATIONS) ? CONTINUATION_TOO_MANY : 0;
}

function lengthFits(rule: i32, bound: i32, length: i32): bool {
  if (rule == EXACT) return length == bound;
  if (rule == LEAST) return length >= bound;
  if (rule == TIMES) return length % bound == 0;
  return true;
}

function checkSettingsLength(flags: i32, length: i32): i32 {
  if ((flags & ACK) != 0) return length == 0 ? 0 : SETTINGS_ACK_LENGTH;
  return length > MAX_SETTINGS * 6 ? SETTINGS_TOO_MANY : 0;
}
