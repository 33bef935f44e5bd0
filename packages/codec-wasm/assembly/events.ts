/**
 * What wasm tells the host: event records of a scan, fields of a header block, members of a baggage header, and the
 * numbers of the rules a peer can break. src/abi.ts and src/errors.ts repeat the numbers; a test holds them together.
 */
import { RECORDS, RECORD_COUNT, get, set } from './memory';

/** Record: kind | flags << 8, stream id, then three words by kind. */
export const RECORD_SIZE: usize = 20;

/** Payload at [word 2, word 3) of the chunk; word 4 is the whole frame's length, once per frame. */
export const KIND_DATA = 1;
/** Part of a header block at [word 2, word 3) of the chunk; FLAG_BLOCK_END on the last. */
export const KIND_FRAGMENT = 2;
/** Word 2: error code. */
export const KIND_RST_STREAM = 4;
/** Word 2: entry count, 6 bytes each in the slot's COLLECT area. Ends the scan, so that they stay there to be read. */
export const KIND_SETTINGS = 5;
/** Words 2 and 3: the eight payload bytes. */
export const KIND_PING = 6;
/** Word 2: last stream id; word 3: error code. */
export const KIND_GOAWAY = 7;
/** Word 2: increment. */
export const KIND_WINDOW_UPDATE = 8;
/** Word 2: fault; the connection lives on. */
export const KIND_STREAM_ERROR = 9;
/** Word 2: fault; always the last record. */
export const KIND_FAULT = 10;

export const FLAG_END_STREAM = 1;
export const FLAG_ACK = 2;
export const FLAG_BLOCK_END = 4;

/** Field: index registered for the name or -1, pointer, name length, value length; the value follows the name. */
export const FIELD_SIZE: usize = 16;

/** Baggage: bits of present keys (two words), malformed, unused; then per key pointer and length. */
export const BAGGAGE_PRESENT = 0;
export const BAGGAGE_MALFORMED = 8;
export const BAGGAGE_VALUES = 16;
/** Set in a value's length when it was percent-encoded and so may hold UTF-8. */
export const BAGGAGE_UNESCAPED = 0x40000000;

// Rules a peer can break. Meaning, HTTP/2 code and RFC section of each: src/errors.ts.
export const BAD_PREFACE = 1;
export const FIRST_FRAME_NOT_SETTINGS = 2;
export const FRAME_TOO_LARGE = 3;
export const FRAME_TOO_SHORT = 4;
export const STREAM_ID_EVEN = 5;
export const DATA_ON_CONNECTION = 6;
export const DATA_PADDING = 7;
export const HEADERS_ON_CONNECTION = 8;
export const HEADERS_PADDING = 9;
export const PRIORITY_ON_CONNECTION = 10;
export const PRIORITY_LENGTH = 11;
export const RST_STREAM_ON_CONNECTION = 12;
export const RST_STREAM_LENGTH = 13;
export const SETTINGS_ON_STREAM = 14;
export const SETTINGS_LENGTH = 15;
export const SETTINGS_ACK_LENGTH = 16;
export const SETTINGS_TOO_MANY = 17;
export const SETTINGS_ENABLE_PUSH = 18;
export const SETTINGS_INITIAL_WINDOW_SIZE = 19;
export const SETTINGS_MAX_FRAME_SIZE = 20;
export const PUSH_PROMISE_RECEIVED = 21;
export const PING_ON_STREAM = 22;
export const PING_LENGTH = 23;
export const GOAWAY_ON_STREAM = 24;
export const GOAWAY_LENGTH = 25;
export const WINDOW_UPDATE_LENGTH = 26;
export const WINDOW_UPDATE_ZERO = 27;
export const STREAM_WINDOW_UPDATE_ZERO = 28;
export const CONTINUATION_EXPECTED = 29;
export const CONTINUATION_UNEXPECTED = 30;
export const CONTINUATION_TOO_MANY = 31;
export const HEADER_BLOCK_TOO_LARGE = 32;
export const HPACK_TRUNCATED = 33;
export const HPACK_INTEGER = 34;
export const HPACK_INDEX = 35;
export const HPACK_HUFFMAN_PADDING = 36;
export const HPACK_HUFFMAN_EOS = 37;
export const HPACK_TABLE_UPDATE_LATE = 38;
export const HPACK_TABLE_UPDATE_TOO_LARGE = 39;
export const HPACK_TABLE_UPDATE_MISSING = 40;
export const FIELD_NAME_INVALID = 41;
export const FIELD_VALUE_INVALID = 42;
export const FIELD_CONNECTION_SPECIFIC = 43;
export const PSEUDO_INVALID = 44;
export const PSEUDO_REPEATED = 45;
export const PSEUDO_AFTER_REGULAR = 46;
export const REQUEST_INCOMPLETE = 47;
export const CONNECT_WITH_TARGET = 48;
export const HEADER_LIST_TOO_LARGE = 49;

/** Appends a record and answers its address, for kinds that fill in more. The caller has checked that there is room. */
export function emit(slot: usize, kind: i32, flags: i32, streamId: i32, word2: i32, word3: i32, word4: i32): usize {
  const count = get(slot, RECORD_COUNT);
  const record = slot + RECORDS + (count as usize) * RECORD_SIZE;
  set(slot, RECORD_COUNT, count + 1);
  store<i32>(record, kind | (flags << 8));
  store<i32>(record, streamId, 4);
  store<i32>(record, word2, 8);
  store<i32>(record, word3, 12);
  store<i32>(record, word4, 16);
  return record;
}
