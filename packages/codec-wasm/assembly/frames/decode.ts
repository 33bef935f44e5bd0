/**
 * Walks the frames of one received chunk. Sees a window of it only; payload and header fragments are reported as
 * positions in the chunk and passed over by length, so their bytes are never read here.
 *
 * A frame goes through three stages, each of which may be cut by the end of a chunk: collect (frame header, then the
 * prefix of the payload that is read here), body (reported by position), skip.
 */
import { u24At, u31At, u32At } from '../bytes/big-endian';
import {
  BAD_PREFACE, DATA_PADDING, FLAG_ACK, FLAG_BLOCK_END, FLAG_END_STREAM, HEADERS_PADDING, HEADER_BLOCK_TOO_LARGE,
  KIND_DATA, KIND_FAULT, KIND_FRAGMENT, KIND_GOAWAY, KIND_PING, KIND_RST_STREAM, KIND_SETTINGS, KIND_STREAM_ERROR,
  KIND_WINDOW_UPDATE, PRIORITY_LENGTH, STREAM_WINDOW_UPDATE_ZERO, WINDOW_UPDATE_ZERO, emit,
} from '../events';
import {
  BLOCK_BYTES, BLOCK_END_STREAM, BLOCK_STREAM, BODY_LEFT, COLLECT, COLLECTED, CONTINUATIONS, FLOW_BYTES, FRAME_FLAGS,
  FRAME_LENGTH, FRAME_TYPE, IS_SERVER, MAX_BLOCK, NEEDED, PREFACE_LEFT, RECORD_CAPACITY, RECORD_COUNT, SETTINGS_SEEN,
  SKIP_LEFT, STAGE, STREAM_ID, WINDOW, get, set,
} from '../memory';
import {
  ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE,
  check, prefixLength,
} from './rules';
import { checkSettings } from './settings';

const STAGE_PREFACE = 0;
const STAGE_HEADER = 1;
const STAGE_PREFIX = 2;
const STAGE_BODY = 3;
const STAGE_SKIP = 4;
const STAGE_DEAD = 5;

const FRAME_HEADER = 9;
const PREFACE: StaticArray<u8> = [
  0x50, 0x52, 0x49, 0x20, 0x2a, 0x20, 0x48, 0x54, 0x54, 0x50, 0x2f, 0x32, // PRI * HTTP/2
  0x2e, 0x30, 0x0d, 0x0a, 0x0d, 0x0a, 0x53, 0x4d, 0x0d, 0x0a, 0x0d, 0x0a, // .0 CRLF CRLF SM CRLF CRLF
];

// The scan under way: positions count from the start of the chunk.
let position: i32 = 0;
let windowStart: i32 = 0;
let windowEnd: i32 = 0;
let chunkEnd: i32 = 0;
/** Where `collect` found what it was asked for: in the window, or in the slot when a chunk end went through it. */
let gathered: usize = 0;

/** Prepares a leased slot for its first byte. */
export function start(slot: usize, isServer: bool): void {
  set(slot, STAGE, isServer ? STAGE_PREFACE : STAGE_HEADER);
  set(slot, PREFACE_LEFT, isServer ? PREFACE.length : 0);
}

/**
 * Scans the chunk from `from`. The window holds its bytes [from + n, ...) where n is what BODY_LEFT and SKIP_LEFT let
 * it pass unseen. Answers the position reached: less than `end` when the window or the room for records ran out, or
 * after a SETTINGS frame.
 */
export function scan(slot: usize, from: i32, start: i32, length: i32, end: i32): i32 {
  position = from;
  windowStart = start;
  windowEnd = start + length;
  chunkEnd = end;
  set(slot, RECORD_COUNT, 0);
  while (get(slot, RECORD_COUNT) < RECORD_CAPACITY && step(slot)) {}
  return position;
}

/** One stage of one frame; false when the scan is over. Emits one record at most. */
function step(slot: usize): bool {
  const stage = get(slot, STAGE);
  if (stage == STAGE_BODY) return passBody(slot);
  if (stage == STAGE_SKIP) return passSkip(slot);
  if (stage == STAGE_HEADER) return collect(slot, FRAME_HEADER) && beginFrame(slot);
  if (stage == STAGE_PREFIX) return collect(slot, get(slot, NEEDED)) && endPrefix(slot);
  if (stage == STAGE_PREFACE) return matchPreface(slot);
  return false;
}

function fail(slot: usize, fault: i32): bool {
  emit(slot, KIND_FAULT, 0, get(slot, STREAM_ID), fault, 0, 0);
  set(slot, STAGE, STAGE_DEAD);
  return false;
}

/** RFC 9113 section 3.4. Refused at the first wrong byte, so that a peer of another protocol is not waited for. */
function matchPreface(slot: usize): bool {
  let left = get(slot, PREFACE_LEFT);
  while (left > 0 && position < windowEnd) {
    const expected = unchecked(PREFACE[PREFACE.length - left]);
    if (load<u8>(WINDOW + (position - windowStart)) != expected) return fail(slot, BAD_PREFACE);
    left--;
    position++;
  }
  set(slot, PREFACE_LEFT, left);
  if (left == 0) set(slot, STAGE, STAGE_HEADER);
  return left == 0;
}

/** Finds the next `needed` bytes in one piece; false when some are still to come. */
function collect(slot: usize, needed: i32): bool {
  const collected = get(slot, COLLECTED);
  const available = windowEnd - position;
  if (collected == 0 && available >= needed) {
    gathered = WINDOW + (position - windowStart);
    position += needed;
    return true;
  }
  const taken = min(needed - collected, available);
  if (taken > 0) {
    memory.copy(slot + COLLECT + collected, WINDOW + (position - windowStart), taken);
    position += taken;
    set(slot, COLLECTED, collected + taken);
  }
  if (collected + taken < needed) return false;
  set(slot, COLLECTED, 0);
  gathered = slot + COLLECT;
  return true;
}

function beginFrame(slot: usize): bool {
  const length = u24At(gathered);
  const type = <i32>load<u8>(gathered, 3);
  const flags = <i32>load<u8>(gathered, 4);
  const streamId = u31At(gathered + 5);
  set(slot, FRAME_LENGTH, length);
  set(slot, FRAME_TYPE, type);
  set(slot, FRAME_FLAGS, flags);
  set(slot, STREAM_ID, streamId);

  const fault = check(slot, type, flags, streamId, length);
  if (fault == PRIORITY_LENGTH) {
    emit(slot, KIND_STREAM_ERROR, 0, streamId, fault, 0, 0);
    skip(slot, length);
    return true;
  }
  if (fault != 0) return fail(slot, fault);
  set(slot, SETTINGS_SEEN, 1);
  const needed = prefixLength(type, flags, length);
  set(slot, NEEDED, needed);
  set(slot, STAGE, STAGE_PREFIX);
  return true;
}

function skip(slot: usize, length: i32): void {
  set(slot, SKIP_LEFT, length);
  set(slot, STAGE, STAGE_SKIP);
}

function endPrefix(slot: usize): bool {
  const type = get(slot, FRAME_TYPE);
  if (type == DATA) return beginData(slot);
  if (type == HEADERS) return beginHeaders(slot);
  if (type == CONTINUATION) return beginContinuation(slot);
  skip(slot, get(slot, FRAME_LENGTH) - get(slot, NEEDED));
  if (type == SETTINGS) return endSettings(slot);
  if (type == WINDOW_UPDATE) return endWindowUpdate(slot);

  if (type == RST_STREAM) emit(slot, KIND_RST_STREAM, 0, get(slot, STREAM_ID), u32At(gathered), 0, 0);
  else if (type == GOAWAY) emit(slot, KIND_GOAWAY, 0, 0, u31At(gathered), u32At(gathered + 4), 0);
  else if (type == PING) {
    const record = emit(slot, KIND_PING, ackFlag(slot), 0, 0, 0, 0);
    store<u64>(record, load<u64>(gathered), 8);
  }
  return true;
}

function ackFlag(slot: usize): i32 {
  return (get(slot, FRAME_FLAGS) & ACK) != 0 ? FLAG_ACK : 0;
}

/** Splits what follows the prefix into body and padding; false when the padding does not fit. */
function beginBody(slot: usize): bool {
  const padding = (get(slot, FRAME_FLAGS) & PADDED) != 0 ? <i32>load<u8>(gathered) : 0;
  const body = get(slot, FRAME_LENGTH) - get(slot, NEEDED) - padding;
  if (body < 0) return false;
  set(slot, BODY_LEFT, body);
  set(slot, SKIP_LEFT, padding);
  set(slot, STAGE, STAGE_BODY);
  return true;
}

function beginData(slot: usize): bool {
  if (!beginBody(slot)) return fail(slot, DATA_PADDING);
  set(slot, FLOW_BYTES, get(slot, FRAME_LENGTH));
  return true;
}

function beginHeaders(slot: usize): bool {
  if (!beginBody(slot)) return fail(slot, HEADERS_PADDING);
  set(slot, BLOCK_STREAM, get(slot, STREAM_ID));
  set(slot, BLOCK_END_STREAM, get(slot, FRAME_FLAGS) & END_STREAM);
  set(slot, BLOCK_BYTES, 0);
  set(slot, CONTINUATIONS, 0);
  return growBlock(slot);
}

function beginContinuation(slot: usize): bool {
  // The PADDED bit means nothing on CONTINUATION.
  set(slot, BODY_LEFT, get(slot, FRAME_LENGTH));
  set(slot, SKIP_LEFT, 0);
  set(slot, STAGE, STAGE_BODY);
  set(slot, CONTINUATIONS, get(slot, CONTINUATIONS) + 1);
  return growBlock(slot);
}

/** Refused on the announced length: a block that will be too large is not waited for. */
function growBlock(slot: usize): bool {
  const bytes = get(slot, BLOCK_BYTES) + get(slot, BODY_LEFT);
  set(slot, BLOCK_BYTES, bytes);
  return bytes <= get(slot, MAX_BLOCK) ? true : fail(slot, HEADER_BLOCK_TOO_LARGE);
}

/** Ends the scan: the entries stay in the slot until the host asks for the next frame. */
function endSettings(slot: usize): bool {
  const entries = get(slot, FRAME_LENGTH) / 6;
  if (gathered != slot + COLLECT) memory.copy(slot + COLLECT, gathered, entries * 6);
  const fault = checkSettings(slot + COLLECT, entries, get(slot, IS_SERVER) != 0);
  if (fault != 0) return fail(slot, fault);
  emit(slot, KIND_SETTINGS, ackFlag(slot), 0, entries, 0, 0);
  return false;
}

/** RFC 9113 section 6.9: an increment of zero costs the stream, or the connection when it is the connection's. */
function endWindowUpdate(slot: usize): bool {
  const increment = u31At(gathered);
  const streamId = get(slot, STREAM_ID);
  if (increment != 0) emit(slot, KIND_WINDOW_UPDATE, 0, streamId, increment, 0, 0);
  else if (streamId != 0) emit(slot, KIND_STREAM_ERROR, 0, streamId, STREAM_WINDOW_UPDATE_ZERO, 0, 0);
  else return fail(slot, WINDOW_UPDATE_ZERO);
  return true;
}

/** Reports the part of the body that this chunk holds. An empty body is reported too: it may end something. */
function passBody(slot: usize): bool {
  const left = get(slot, BODY_LEFT);
  const taken = min(left, chunkEnd - position);
  if (taken == 0 && left > 0) return false;
  set(slot, BODY_LEFT, left - taken);
  const last = taken == left;
  if (get(slot, FRAME_TYPE) == DATA) emitData(slot, taken, last);
  else emitFragment(slot, taken, last);
  position += taken;
  if (last) set(slot, STAGE, STAGE_SKIP);
  return last;
}

function emitData(slot: usize, length: i32, last: bool): void {
  const flags = last && (get(slot, FRAME_FLAGS) & END_STREAM) != 0 ? FLAG_END_STREAM : 0;
  emit(slot, KIND_DATA, flags, get(slot, STREAM_ID), position, position + length, get(slot, FLOW_BYTES));
  set(slot, FLOW_BYTES, 0);
}

function emitFragment(slot: usize, length: i32, last: bool): void {
  let flags = 0;
  if (last && (get(slot, FRAME_FLAGS) & END_HEADERS) != 0) {
    flags = FLAG_BLOCK_END | (get(slot, BLOCK_END_STREAM) != 0 ? FLAG_END_STREAM : 0);
    set(slot, BLOCK_STREAM, 0);
  }
  emit(slot, KIND_FRAGMENT, flags, get(slot, STREAM_ID), position, position + length, 0);
}

function passSkip(slot: usize): bool {
  const left = get(slot, SKIP_LEFT);
  const taken = min(left, chunkEnd - position);
  position += taken;
  set(slot, SKIP_LEFT, left - taken);
  if (taken < left) return false;
  set(slot, STAGE, STAGE_HEADER);
  return true;
}
