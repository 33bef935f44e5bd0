/**
 * Names this codec knows: those whose use RFC 9113 restricts, and those the host registered. One lookup tells both the
 * host's index and the RFC's class. Peers cannot add to it.
 */
import { equal, hashOf, putText } from '../bytes/hash';
import { NAME_BYTES, NAME_BYTES_SIZE, NAME_ENTRIES, NAME_HASH } from '../memory';

export const REGULAR = 0;
/** Forbidden in HTTP/2: RFC 9113 section 8.2.2. */
export const CONNECTION_SPECIFIC = 1;
/** Allowed with the value "trailers" only, same section. */
export const TE = 2;
// Pseudo-header fields, RFC 9113 section 8.3; the class is also the bit by which a block remembers them.
export const METHOD = 4;
export const SCHEME = 8;
export const PATH = 16;
export const AUTHORITY = 32;
export const STATUS = 64;
export const PSEUDO = 124;

// Entry: pointer u32, hash u32, length u16, class u8, host's index + 1 i32.
const ENTRY_SIZE: usize = 16;
const HASH_MASK = 1023;
/** Entry 0 stands for every name that is not known, so that it needs no test of its own. */
const MAX_ENTRIES = 384;

let count: i32 = 1;
let nextByte: usize = NAME_BYTES;

export function buildNames(): void {
  restrict('connection', CONNECTION_SPECIFIC);
  restrict('proxy-connection', CONNECTION_SPECIFIC);
  restrict('keep-alive', CONNECTION_SPECIFIC);
  restrict('transfer-encoding', CONNECTION_SPECIFIC);
  restrict('upgrade', CONNECTION_SPECIFIC);
  restrict('te', TE);
  restrict(':method', METHOD);
  restrict(':scheme', SCHEME);
  restrict(':path', PATH);
  restrict(':authority', AUTHORITY);
  restrict(':status', STATUS);
}

function restrict(text: string, nameClass: i32): void {
  const end = putText(nextByte, text);
  const entry = add(nextByte, text.length);
  nextByte = end;
  store<u8>(entryAt(entry), <u8>nameClass, 10);
}

function entryAt(entry: i32): usize {
  return NAME_ENTRIES + <usize>entry * ENTRY_SIZE;
}

/** Adds a name whose bytes stay where they are; answers its entry. */
function add(pointer: usize, length: i32): i32 {
  const hash = hashOf(pointer, length);
  const entry = entryAt(count);
  store<u32>(entry, <u32>pointer);
  store<u32>(entry, hash, 4);
  store<u16>(entry, <u16>length, 8);
  let probe = hash & HASH_MASK;
  while (load<u16>(NAME_HASH + probe * 2) != 0) probe = (probe + 1) & HASH_MASK;
  store<u16>(NAME_HASH + probe * 2, <u16>count);
  return count++;
}

/** Gives a name the host's index; false when there is no room for it. */
export function registerName(source: usize, length: i32, index: i32): bool {
  let entry = findName(source, length);
  if (entry == 0) {
    if (count == MAX_ENTRIES || nextByte + length > NAME_BYTES + NAME_BYTES_SIZE) return false;
    memory.copy(nextByte, source, length);
    entry = add(nextByte, length);
    nextByte += length;
  }
  store<i32>(entryAt(entry), index + 1, 12);
  return true;
}

/** Entry of a name, 0 when it is not known. */
export function findName(pointer: usize, length: i32): i32 {
  const hash = hashOf(pointer, length);
  let probe = hash & HASH_MASK;
  while (true) {
    const entry = <i32>load<u16>(NAME_HASH + probe * 2);
    if (entry == 0) return 0;
    const row = entryAt(entry);
    const same = load<u32>(row, 4) == hash && <i32>load<u16>(row, 8) == length;
    if (same && equal(load<u32>(row), pointer, length)) return entry;
    probe = (probe + 1) & HASH_MASK;
  }
}

/** The host's index of an entry, or -1. */
export function indexOf(entry: i32): i32 {
  return load<i32>(entryAt(entry), 12) - 1;
}

export function classOf(entry: i32): i32 {
  return <i32>load<u8>(entryAt(entry), 10);
}
