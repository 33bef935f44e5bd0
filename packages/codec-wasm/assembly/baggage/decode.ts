/**
 * Baggage header lines to values by registered key. Reads what every known producer writes (W3C Baggage, ztunnel,
 * Envoy, agentgateway): members split on ",", spaces and tabs around members, keys and values dropped, properties
 * behind ";" dropped, value behind the first "=", percent-decoded; later members win, an empty value clears.
 */
import { BAGGAGE_MALFORMED, BAGGAGE_UNESCAPED, BAGGAGE_VALUES } from '../events';
import { findKey } from './keys';

const TAB: u8 = 0x09;
const SPACE: u8 = 0x20;
const PERCENT: u8 = 0x25;
const COMMA: u8 = 0x2c;
const SEMICOLON: u8 = 0x3b;
const EQUALS: u8 = 0x3d;

let result: usize = 0;
/** Where the next percent-decoded value goes: one region as large as all the text, and decoding only shortens. */
let unescaped: usize = 0;

/** Starts a header with no members. */
export function beginBaggage(target: usize, unescapedTarget: usize): void {
  result = target;
  unescaped = unescapedTarget;
  store<u64>(result, 0);
  store<i32>(result, 0, BAGGAGE_MALFORMED);
}

/** Whether a line is visible ASCII, space and tab throughout; if not, the header is malformed. */
export function checkLine(line: usize, length: i32): bool {
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(line + i);
    if ((byte < SPACE && byte != TAB) || byte > 0x7e) {
      store<i32>(result, 1, BAGGAGE_MALFORMED);
      return false;
    }
  }
  return true;
}

export function readLine(line: usize, length: i32): void {
  const end = line + length;
  let member = line;
  for (let at = line; at < end; at++) {
    if (load<u8>(at) != COMMA) continue;
    readMember(member, at);
    member = at + 1;
  }
  readMember(member, end);
}

function readMember(start: usize, end: usize): void {
  let equals: usize = 0;
  let stop = start;
  for (; stop < end; stop++) {
    const byte = load<u8>(stop);
    if (byte == SEMICOLON) break;
    if (byte == EQUALS && equals == 0) equals = stop;
  }
  if (equals == 0) return;
  const key = skipBlank(start, equals);
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
  const decoded = unescape(value, length);
  store<u32>(entry, <u32>(decoded < 0 ? value : unescaped));
  store<i32>(entry, decoded < 0 ? length : decoded | BAGGAGE_UNESCAPED, 4);
  if (decoded > 0) unescaped += decoded;
}

/** Percent-decodes to `unescaped`; answers the length, or -1 when there was nothing to decode. */
function unescape(value: usize, length: i32): i32 {
  const end = value + length;
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
