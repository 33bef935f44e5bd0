/**
 * Baggage header lines to values by registered key, in one pass. Reads what every known producer writes (W3C Baggage,
 * ztunnel, Envoy, agentgateway): members split on ",", spaces and tabs around members, keys and values dropped,
 * properties behind ";" dropped, value behind the first "=", percent-decoded; later members win, an empty value clears.
 *
 * Members of a mesh need none of the dropping and decoding: `readPlain` takes lines of visible ASCII without "%" and ";",
 * and gives up at the first byte that is anything else; `readAny` takes them all.
 */
import { BAGGAGE_MALFORMED, BAGGAGE_UNESCAPED, BAGGAGE_VALUES } from '../events';
import { NO_KEY, findKey, guessBehind, hasPrefix, keyCount, prefixLength } from './keys';

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
let hasPercent: bool = false;
/** Set by `commasAt`: `readPlain` cannot read these bytes. */
let notPlain: bool = false;

/** Starts a header with no members. */
export function beginBaggage(target: usize, unescapedTarget: usize): void {
  result = target;
  unescaped = unescapedTarget;
  malformed = false;
  clear(0);
}

/** One byte that is not visible ASCII, space or tab, and nothing of the header counts. */
export function endBaggage(): void {
  if (malformed) clear(1);
}

/** No member is there, so that every value has the length of an absent one. */
function clear(isMalformed: i32): void {
  store<i32>(result, isMalformed, BAGGAGE_MALFORMED);
  const end = entryOf(keyCount());
  for (let entry = entryOf(0); entry < end; entry += 8) store<u64>(entry, 0);
}

// @ts-ignore: decorator
@inline
function entryOf(index: i32): usize {
  return result + BAGGAGE_VALUES + (<usize>index << 3);
}

/** Reads up to 64 bytes behind the line (PADDING in memory.ts) and masks them off. */
export function readLine(line: usize, length: i32): void {
  if (!readPlain(line, length)) readAny(line, length);
}

/**
 * False when the line is not plain. What was noted by then `readAny` notes again: it reads the same in the members that
 * were whole, and sets which of them are present.
 */
function readPlain(line: usize, length: i32): bool {
  const end = line + length;
  let member = line;
  let last = NO_KEY;
  for (let at = line; at <= end; at += 64) {
    let ends = commasAt(at, <i32>(end - at));
    if (notPlain) return false;
    while (ends != 0) {
      const stop = at + <usize>ctz(ends);
      ends &= ends - 1;
      let index = guessBehind(last);
      let value = member + prefixLength(index);
      if (value > stop || !hasPrefix(member, index)) {
        value = behindEquals(member, stop);
        index = value == 0 ? -1 : findKey(member, <i32>(value - 1 - member), last);
      }
      member = stop + 1;
      if (index < 0) continue;
      last = index;
      store<u64>(entryOf(index), <u64>value | (<u64>(stop - value) << 32));
    }
  }
  return true;
}

/** Address behind the first "=", or 0. */
function behindEquals(member: usize, stop: usize): usize {
  for (let at = member; at < stop; at++) {
    if (load<u8>(at) == EQUALS) return at + 1;
  }
  return 0;
}

/** Bit i is set when byte i is ",", or where the text ends; sets `notPlain`. */
// @ts-ignore: decorator
@inline
function commasAt(at: usize, left: i32): u64 {
  if (!ASC_FEATURE_SIMD) return slowCommasAt(at, left);
  const a = v128.load(at);
  const b = v128.load(at, 16);
  const c = v128.load(at, 32);
  const d = v128.load(at, 48);
  const end: u64 = left >= 64 ? 0 : <u64>1 << left;
  // Where the text ends nothing is known of what comes behind, so that only there the bits are looked at singly.
  const e = specialOf(a);
  const f = specialOf(b);
  const g = specialOf(c);
  const h = specialOf(d);
  const special = v128.any_true(v128.or(v128.or(e, f), v128.or(g, h)));
  notPlain = special && (bitsOf(e, f, g, h) & (end - 1)) != 0;
  return (bitsOf(commasOf(a), commasOf(b), commasOf(c), commasOf(d)) & (end - 1)) | end;
}

/** Bit i is set when byte i is 0xff. */
// @ts-ignore: decorator
@inline
function bitsOf(a: v128, b: v128, c: v128, d: v128): u64 {
  const low = i8x16.bitmask(a) | (i8x16.bitmask(b) << 16);
  const high = i8x16.bitmask(c) | (i8x16.bitmask(d) << 16);
  return <u64>(<u32>low) | (<u64>(<u32>high) << 32);
}

// @ts-ignore: decorator
@inline
function commasOf(bytes: v128): v128 {
  return i8x16.eq(bytes, i8x16.splat(COMMA));
}

/** Up to the space, from DEL, "%" or ";". One more than DEL is negative, as is what comes behind it. */
// @ts-ignore: decorator
@inline
function specialOf(bytes: v128): v128 {
  const invisible = i8x16.lt_s(i8x16.add(bytes, i8x16.splat(1)), i8x16.splat(SPACE + 2));
  const marks = v128.or(i8x16.eq(bytes, i8x16.splat(PERCENT)), i8x16.eq(bytes, i8x16.splat(SEMICOLON)));
  return v128.or(invisible, marks);
}

// @ts-ignore: decorator
@inline
function isSpecial(byte: u8): bool {
  return byte <= SPACE || byte >= DELETE || byte == PERCENT || byte == SEMICOLON;
}

function slowCommasAt(at: usize, left: i32): u64 {
  const length = min(left, 64);
  let commas: u64 = 0;
  notPlain = false;
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(at + i);
    // Most bytes are letters, which mean nothing here.
    if (byte > EQUALS && byte < DELETE) continue;
    if (byte == COMMA) commas |= <u64>1 << i;
    else if (isSpecial(byte)) notPlain = true;
  }
  return left >= 64 ? commas : commas | (<u64>1 << left);
}

function readAny(line: usize, length: i32): void {
  const end = line + length;
  let member = line;
  // The member's first "=", and its first ";" when there is one.
  let equals: usize = 0;
  let semicolon: usize = 0;
  let last = NO_KEY;
  hasPercent = false;
  for (let at = line; at < end; at += 64) {
    let marks = marksAt(at, <i32>(end - at));
    while (marks != 0) {
      const mark = at + <usize>ctz(marks);
      const byte = load<u8>(mark);
      marks &= marks - 1;
      if (byte == COMMA) {
        if (equals != 0) {
          const index = keyOf(member, equals, last);
          if (index >= 0) {
            setValue(index, equals + 1, semicolon != 0 ? semicolon : mark);
            last = index;
          }
        }
        member = mark + 1;
        equals = 0;
        semicolon = 0;
      } else if (byte == EQUALS) {
        if ((equals | semicolon) == 0) equals = mark;
      } else if (semicolon == 0) semicolon = mark;
    }
  }
  if (equals != 0) {
    const index = keyOf(member, equals, last);
    if (index >= 0) setValue(index, equals + 1, semicolon != 0 ? semicolon : end);
  }
}

/**
 * Bit i is set when byte i is "," "=" or ";"; on the way it notes "%" and what may not be there. 64 bytes at a time, so
 * that the loop over the bits ends once in 64 bytes and not, unforeseen, once in 16.
 */
function marksAt(at: usize, left: i32): u64 {
  if (!ASC_FEATURE_SIMD) return slowMarksAt(at, min(left, 64));
  const mask: u64 = left >= 64 ? u64.MAX_VALUE : (<u64>1 << left) - 1;
  const a = v128.load(at);
  const b = v128.load(at, 16);
  const c = v128.load(at, 32);
  const d = v128.load(at, 48);
  if (v128.any_true(v128.or(v128.or(oddOf(a), oddOf(b)), v128.or(oddOf(c), oddOf(d))))) noteOdd(at, min(left, 64));
  return bitsOf(marksOf(a), marksOf(b), marksOf(c), marksOf(d)) & mask;
}

// @ts-ignore: decorator
@inline
function marksOf(bytes: v128): v128 {
  const comma = i8x16.eq(bytes, i8x16.splat(COMMA));
  const others = v128.or(i8x16.eq(bytes, i8x16.splat(EQUALS)), i8x16.eq(bytes, i8x16.splat(SEMICOLON)));
  return v128.or(comma, others);
}

/** Below the space (signed, so from 0x80 too), DEL or "%": each is rare enough to be looked at singly. */
// @ts-ignore: decorator
@inline
function oddOf(bytes: v128): v128 {
  const control = i8x16.lt_s(bytes, i8x16.splat(SPACE));
  return v128.or(control, v128.or(i8x16.eq(bytes, i8x16.splat(DELETE)), i8x16.eq(bytes, i8x16.splat(PERCENT))));
}

function noteOdd(at: usize, length: i32): void {
  for (let i = 0; i < length; i++) note(load<u8>(at + i));
}

// @ts-ignore: decorator
@inline
function note(byte: u8): void {
  if (byte == PERCENT) hasPercent = true;
  else if ((byte < SPACE && byte != TAB) || byte >= DELETE) malformed = true;
}

function slowMarksAt(at: usize, length: i32): u64 {
  let marks: u64 = 0;
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(at + i);
    // Most bytes are letters, which mean nothing here.
    if (byte > EQUALS && byte < DELETE) continue;
    if (byte == COMMA || byte == EQUALS || byte == SEMICOLON) marks |= <u64>1 << i;
    else note(byte);
  }
  return marks;
}

/** Index of the member's key, or -1. */
// @ts-ignore: decorator
@inline
function keyOf(member: usize, equals: usize, last: i32): i32 {
  const key = skipBlank(member, equals);
  const length = <i32>(trimEnd(key, equals) - key);
  return length == 0 ? -1 : findKey(key, length, last);
}

// @ts-ignore: decorator
@inline
function skipBlank(start: usize, end: usize): usize {
  while (start < end && isBlank(load<u8>(start))) start++;
  return start;
}

// @ts-ignore: decorator
@inline
function trimEnd(start: usize, end: usize): usize {
  while (end > start && isBlank(load<u8>(end - 1))) end--;
  return end;
}

// @ts-ignore: decorator
@inline
function isBlank(byte: u8): bool {
  return byte == SPACE || byte == TAB;
}

/** Notes the value from `start` to `stop`. */
// @ts-ignore: decorator
@inline
function setValue(index: i32, start: usize, stop: usize): void {
  const value = skipBlank(start, stop);
  const length = <i32>(trimEnd(value, stop) - value);
  const entry = entryOf(index);
  store<i32>(entry, length, 4);
  store<u32>(entry, <u32>value);
  // "%" of a member is noted before its end is seen: both stand in the same 64 bytes, or it in earlier ones.
  if (hasPercent) replaceUnescaped(entry, value, length);
}

function replaceUnescaped(entry: usize, value: usize, length: i32): void {
  const decoded = unescape(value, length);
  if (decoded < 0) return;
  store<u32>(entry, <u32>unescaped);
  store<i32>(entry, decoded | BAGGAGE_UNESCAPED, 4);
  unescaped += decoded;
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
