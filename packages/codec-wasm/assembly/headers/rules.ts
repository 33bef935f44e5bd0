/**
 * What makes a field or a list malformed (RFC 9113 sections 8.2, 8.3 and 8.5), which costs its stream, not the
 * connection: HPACK goes on, so that the table stays in step. The first fault of a block stands.
 *
 * A block without pseudo-header fields is taken for trailers: which block of a stream this is, is the caller's to know.
 */
import {
  CONNECT_WITH_TARGET, FIELD_CONNECTION_SPECIFIC, FIELD_NAME_INVALID, FIELD_VALUE_INVALID, PSEUDO_AFTER_REGULAR,
  PSEUDO_INVALID, PSEUDO_REPEATED, REQUEST_INCOMPLETE,
} from '../events';
import { verdictOf } from './entry';
import { AUTHORITY, CONNECTION_SPECIFIC, METHOD, PATH, PSEUDO, SCHEME, STATUS, TE, classOf } from './names';

const REQUEST: i32 = METHOD | SCHEME | PATH | AUTHORITY;
const COLON: u8 = 0x3a;
// "CONNECT" and "trailers", in memory order.
const CONNE: u32 = 0x4e4e4f43;
const ECT: u32 = 0x5443454e;
const TRAI: u32 = 0x69617274;
const LERS: u32 = 0x7372656c;

let allowed: i32 = 0;
let seen: i32 = 0;
let regular: bool = false;
let isConnect: bool = false;
let fault: i32 = 0;

export function beginList(isServer: bool): void {
  allowed = isServer ? REQUEST : STATUS;
  seen = 0;
  regular = false;
  isConnect = false;
  fault = 0;
}

/** Fault in a name, or 0. Known names have none. */
export function judgeName(knownName: i32, name: usize, length: i32): i32 {
  return knownName != 0 || isName(name, length) ? 0 : FIELD_NAME_INVALID;
}

/** The same for the name of a table entry, whose verdict tells: names are judged first. */
export function nameFaultOf(entry: usize): i32 {
  return verdictOf(entry) == FIELD_NAME_INVALID ? FIELD_NAME_INVALID : 0;
}

/**
 * Fault in a field whose name has none, or 0: the same in every block, so tables keep it with the entry. `suspect` when
 * the value may hold NUL, LF or CR.
 */
export function judgeValue(knownName: i32, name: usize, nameLength: i32, valueLength: i32, suspect: bool): i32 {
  const nameClass = classOf(knownName);
  const value = name + nameLength;
  if (hasBlankEnd(value, valueLength) || (suspect && hasForbidden(value, valueLength))) return FIELD_VALUE_INVALID;
  if (nameClass == CONNECTION_SPECIFIC) return FIELD_CONNECTION_SPECIFIC;
  if (nameClass == TE && !isTrailers(value, valueLength)) return FIELD_CONNECTION_SPECIFIC;
  return load<u8>(name) == COLON && (nameClass & PSEUDO) == 0 ? PSEUDO_INVALID : 0;
}

/** Takes the next field of the list into account. */
export function addField(knownName: i32, verdict: i32, value: usize, valueLength: i32): void {
  if (fault != 0) return;
  fault = verdict != 0 ? verdict : place(classOf(knownName), value, valueLength);
}

function place(nameClass: i32, value: usize, valueLength: i32): i32 {
  const pseudo = nameClass & PSEUDO;
  if (pseudo == 0) {
    regular = true;
    return 0;
  }
  if ((pseudo & allowed) == 0) return PSEUDO_INVALID;
  if ((pseudo & seen) != 0) return PSEUDO_REPEATED;
  if (regular) return PSEUDO_AFTER_REGULAR;
  seen |= pseudo;
  if (pseudo == METHOD) isConnect = valueLength == 7 && load<u32>(value) == CONNE && load<u32>(value, 3) == ECT;
  return 0;
}

/** The list's fault, or 0. A refused list is not judged for what it lacks: nobody will look at it. */
export function endList(refused: bool): i32 {
  if (fault != 0 || refused || (seen & REQUEST) == 0) return fault;
  if ((seen & METHOD) == 0) return REQUEST_INCOMPLETE;
  const target = seen & (SCHEME | PATH);
  // CONNECT without :authority passes: RFC 9113 section 8.1.1 lets a server answer it, as Istio does with 400.
  if (isConnect) return target == 0 ? 0 : CONNECT_WITH_TARGET;
  return target == (SCHEME | PATH) ? 0 : REQUEST_INCOMPLETE;
}

/** Section 8.2.1: no controls, space, upper case, DEL or non-ASCII; a colon only in front. */
function isName(pointer: usize, length: i32): bool {
  if (length == 0) return false;
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(pointer + i);
    if (byte <= 0x20 || byte >= 0x7f || (byte >= 0x41 && byte <= 0x5a) || (byte == COLON && i > 0)) return false;
  }
  return true;
}

/** Section 8.2.1: no space or tab at either end. */
function hasBlankEnd(pointer: usize, length: i32): bool {
  return length > 0 && (isBlank(load<u8>(pointer)) || isBlank(load<u8>(pointer + length - 1)));
}

/** Section 8.2.1: no NUL, LF or CR. */
function hasForbidden(pointer: usize, length: i32): bool {
  if (ASC_FEATURE_SIMD) return hasForbiddenBlock(pointer, length);
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(pointer + i);
    if (byte == 0x00 || byte == 0x0a || byte == 0x0d) return true;
  }
  return false;
}

/** The same over 16 bytes at once; reads up to 15 behind the value (PADDING in memory.ts) and masks them off. */
function hasForbiddenBlock(pointer: usize, length: i32): bool {
  for (let i = 0; i < length; i += 16) {
    const bytes = v128.load(pointer + i);
    const lines = v128.or(i8x16.eq(bytes, i8x16.splat(0x0a)), i8x16.eq(bytes, i8x16.splat(0x0d)));
    const found = v128.or(lines, i8x16.eq(bytes, i8x16.splat(0)));
    const left = length - i;
    if ((i8x16.bitmask(found) & (left >= 16 ? 0xffff : (1 << left) - 1)) != 0) return true;
  }
  return false;
}

function isBlank(byte: u8): bool {
  return byte == 0x20 || byte == 0x09;
}

function isTrailers(value: usize, length: i32): bool {
  return length == 8 && load<u32>(value) == TRAI && load<u32>(value, 4) == LERS;
}
