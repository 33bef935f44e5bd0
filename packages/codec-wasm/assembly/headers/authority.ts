/**
 * `:authority` of a CONNECT (RFC 9110 section 9.3.6: host and port) taken apart. What is not one of the three forms is no
 * target: guessing at one would have two readers of the same bytes connect to different places.
 */
import {
  RESULT_HOST, RESULT_HOST_LENGTH, RESULT_IPV4, RESULT_KIND, RESULT_PORT,
} from '../events';
import { BLOCK_RESULT } from '../memory';

const NONE = 0;
const IPV4 = 1;
const IPV6 = 2;
const NAME = 3;

const COLON: u8 = 0x3a;
const DOT: u8 = 0x2e;
const OPEN: u8 = 0x5b;
const CLOSE: u8 = 0x5d;

let ipv4: u32 = 0;

/** Writes kind, address, port and host of the text to BLOCK_RESULT. */
export function readAuthority(text: usize, length: i32): void {
  const end = text + length;
  // Most are this form, and read from the front in one go.
  let colon = ipv4End(text, end);
  if (colon != 0 && colon < end && load<u8>(colon) == COLON) {
    const port = portOf(colon + 1, end);
    if (port >= 0) {
      note(IPV4, port, text, colon);
      return;
    }
  }
  colon = end;
  while (colon > text && load<u8>(colon - 1) != COLON) colon--;
  const port = colon > text ? portOf(colon, end) : -1;
  const kind = port < 0 ? NONE : kindOf(text, colon - 1);
  if (kind == NONE) note(NONE, 0, text, text);
  else if (kind == IPV6) note(kind, port, text + 1, colon - 2);
  else note(kind, port, text, colon - 1);
}

function note(kind: i32, port: i32, host: usize, hostEnd: usize): void {
  store<i32>(BLOCK_RESULT, kind, RESULT_KIND);
  store<u32>(BLOCK_RESULT, kind == IPV4 ? ipv4 : 0, RESULT_IPV4);
  store<i32>(BLOCK_RESULT, port, RESULT_PORT);
  store<u32>(BLOCK_RESULT, <u32>host, RESULT_HOST);
  store<i32>(BLOCK_RESULT, <i32>(hostEnd - host), RESULT_HOST_LENGTH);
}

/** One to five digits up to 65535 without a leading zero, or -1. */
function portOf(start: usize, end: usize): i32 {
  const digits = <i32>(end - start);
  if (digits < 1 || digits > 5 || (digits > 1 && load<u8>(start) == 0x30)) return -1;
  let port = 0;
  for (let at = start; at < end; at++) {
    const digit = <i32>load<u8>(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
  }
  return port <= 65535 ? port : -1;
}

function kindOf(start: usize, end: usize): i32 {
  if (start == end) return NONE;
  if (load<u8>(start) == OPEN) return isBracketed(start + 1, end - 1) ? IPV6 : NONE;
  if (ipv4End(start, end) == end) return IPV4;
  return isName(start, end) ? NAME : NONE;
}

/** Hexadecimal digits, ":" and "." only: no zone, no second bracket. */
function isBracketed(start: usize, end: usize): bool {
  if (start >= end || load<u8>(end) != CLOSE) return false;
  for (let at = start; at < end; at++) {
    const byte = load<u8>(at);
    const letter = byte | 0x20;
    const fits = byte == COLON || byte == DOT || isDigit(byte) || (letter >= 0x61 && letter <= 0x66);
    if (!fits) return false;
  }
  return true;
}

/** Where four numbers up to 255 end, or 0; without leading zeros, which some readers take for octal. */
function ipv4End(start: usize, end: usize): usize {
  let address: u32 = 0;
  let at = start;
  for (let part = 0; part < 4; part++) {
    if (part > 0 && (at == end || load<u8>(at++) != DOT)) return 0;
    const first = at;
    let value: u32 = 0;
    while (at < end && at - first < 3 && isDigit(load<u8>(at))) value = value * 10 + load<u8>(at++) - 0x30;
    const digits = <i32>(at - first);
    if (digits == 0 || value > 255 || (digits > 1 && load<u8>(first) == 0x30)) return 0;
    address = (address << 8) | value;
  }
  ipv4 = address;
  return at;
}

/** Letters, digits, "-", "_" and ".", with one that is neither digit nor dot: else it is an address gone wrong. */
function isName(start: usize, end: usize): bool {
  let named = false;
  for (let at = start; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == DOT || isDigit(byte)) continue;
    const letter = byte | 0x20;
    if (!((letter >= 0x61 && letter <= 0x7a && byte >= 0x41) || byte == 0x2d || byte == 0x5f)) return false;
    named = true;
  }
  return named;
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39;
}
