/**
 * Baggage header lines to values by registered key, in one pass. Reads what every known producer writes (W3C Baggage,
 * ztunnel, Envoy, agentgateway): members split on ",", spaces and tabs around members, keys and values dropped,
 * properties behind ";" dropped, value behind the first "=", percent-decoded; later members win, an empty value clears.
 */
import { BAGGAGE_MALFORMED, BAGGAGE_UNESCAPED, BAGGAGE_VALUES } from '../events';
import { findKey } from './keys';

const TAB: u8 = 0x09;
const SPACE: u8 = 0x20;
const PERCENT: u8 = 0x25;
const COMMA: u8 = 0x2c;
const SEMICOLON: u8 = 0x3b;
const EQUALS: u8 = 0x3d;
const DELETE: u8 = 0x7f;

let result: usize = 0;
/** Where the next percent-decoded value goes: one region as large as all the text, and decoding only shortens. */
let unescaped: usize = 0;
let malformed: bool = false;
/** Of the line being read. */
let hasPercent: bool = false;
let member: usize = 0;
/** The member's first "=", and its first ";" when there is one; 0 when not. */
let equals: usize = 0;
let semicolon: usize = 0;

/** Starts a header with no members. */
export function beginBaggage(target: usize, unescapedTarget: usize): void {
  result = target;
  unescaped = unescapedTarget;
  malformed = false;
  store<u64>(result, 0);
  store<i32>(result, 0, BAGGAGE_MALFORMED);
}

/** One byte that is not visible ASCII, space or tab, and nothing of the header counts. */
export function endBaggage(): void {
  if (!malformed) return;
  store<u64>(result, 0);
  store<i32>(result, 1, BAGGAGE_MALFORMED);
}

/** Reads up to 15 bytes behind the line (PADDING in memory.ts) and masks them off. */
export function readLine(line: usize, length: i32): void {
  const end = line + length;
  member = line;
  equals = 0;
  semicolon = 0;
  if (ASC_FEATURE_SIMD) {
    hasPercent = false;
    for (let at = line; at < end; at += 16) readBlock(at, <i32>(end - at));
  } else {
    hasPercent = true;
    for (let at = line; at < end; at++) readByte(at);
  }
  endMember(end);
}

function readByte(at: usize): void {
  const byte = load<u8>(at);
  // Most bytes are letters, which mean nothing here.
  if (byte > EQUALS && byte < DELETE) return;
  if (byte == COMMA || byte == EQUALS || byte == SEMICOLON) mark(at, byte);
  else if ((byte < SPACE && byte != TAB) || byte >= DELETE) malformed = true;
}

/** 16 bytes at once; `left` of them and what follows belong to the line. */
function readBlock(at: usize, left: i32): void {
  const bytes = v128.load(at);
  const mask = left >= 16 ? 0xffff : (1 << left) - 1;
  // Signed, so that bytes from 0x80 are below the space too.
  const control = v128.andnot(i8x16.lt_s(bytes, i8x16.splat(SPACE)), i8x16.eq(bytes, i8x16.splat(TAB)));
  const bad = v128.or(control, i8x16.eq(bytes, i8x16.splat(DELETE)));
  const percent = i8x16.eq(bytes, i8x16.splat(PERCENT));
  const odd = v128.or(bad, percent);
  if (v128.any_true(odd)) {
    if ((i8x16.bitmask(bad) & mask) != 0) malformed = true;
    if ((i8x16.bitmask(percent) & mask) != 0) hasPercent = true;
  }
  const comma = i8x16.eq(bytes, i8x16.splat(COMMA));
  const marks = v128.or(comma, v128.or(i8x16.eq(bytes, i8x16.splat(EQUALS)), i8x16.eq(bytes, i8x16.splat(SEMICOLON))));
  let rest = i8x16.bitmask(marks) & mask;
  while (rest != 0) {
    const position = at + <usize>ctz(rest);
    mark(position, load<u8>(position));
    rest &= rest - 1;
  }
}

// @ts-ignore: decorator
@inline
function mark(at: usize, byte: u8): void {
  if (byte == COMMA) {
    endMember(at);
    member = at + 1;
    equals = 0;
    semicolon = 0;
  } else if (semicolon == 0) {
    if (byte == SEMICOLON) semicolon = at;
    else if (equals == 0) equals = at;
  }
}

function endMember(end: usize): void {
  if (equals == 0) return;
  const stop = semicolon != 0 ? semicolon : end;
  const key = skipBlank(member, equals);
  const index = findKey(key, <i32>(trimEnd(key, equals) - key));
  if (index < 0) return;
  const value = skipBlank(equals + 1, stop);
  setValue(index, value, <i32>(trimEnd(value, stop) - value));
}

function skipBlank(start: usize, end: usize): usize {
  while (start < end && isBlank(load<u8>(start))) start++;
  return start;
}

function trimEnd(start: usize, end: usize): usize {
  while (end > start && isBlank(load<u8>(end - 1))) end--;
  return end;
}

function isBlank(byte: u8): bool {
  return byte == SPACE || byte == TAB;
}

function setValue(index: i32, value: usize, length: i32): void {
  const bit = <u64>1 << index;
  const present = load<u64>(result);
  if (length == 0) {
    store<u64>(result, present & ~bit);
    return;
  }
  store<u64>(result, present | bit);
  const entry = result + BAGGAGE_VALUES + <usize>index * 8;
  // Escapes of a member may lie in a block that is not read yet only if the member has not ended: so this is settled.
  const decoded = hasPercent ? unescape(value, length) : -1;
  store<u32>(entry, <u32>(decoded < 0 ? value : unescaped));
  store<i32>(entry, decoded < 0 ? length : decoded | BAGGAGE_UNESCAPED, 4);
  if (decoded > 0) unescaped += decoded;
}

/** Percent-decodes to `unescaped`; answers the length, or -1 when there was nothing to decode. */
function unescape(value: usize, length: i32): i32 {
  const end = value + length;
  while (value < end && load<u8>(value) != PERCENT) value++;
  if (value == end) return -1;
  return unescapeFrom(end - length, end);
}

function unescapeFrom(start: usize, end: usize): i32 {
  let value = start;
  let out = unescaped;
  let escapes = 0;
  while (value < end) {
    const byte = load<u8>(value);
    const decoded = byte == PERCENT && value + 2 < end ? escapeAt(value + 1) : -1;
    if (decoded >= 0) {
      escapes++;
      value += 3;
      store<u8>(out++, <u8>decoded);
    } else {
      value++;
      store<u8>(out++, byte);
    }
  }
  return escapes == 0 ? -1 : <i32>(out - unescaped);
}

/** Byte written as two hex digits, or -1 when they are none: the "%" then stays as it is written. */
function escapeAt(pointer: usize): i32 {
  const high = hexDigit(load<u8>(pointer));
  const low = hexDigit(load<u8>(pointer, 1));
  return high < 0 || low < 0 ? -1 : (high << 4) | low;
}

function hexDigit(byte: u8): i32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
