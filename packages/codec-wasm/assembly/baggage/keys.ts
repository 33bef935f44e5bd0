/** Baggage keys the host registered, at most 64. Peers cannot add to them. */
import { equal, equalShort, hashOf } from '../bytes/hash';
import { KEY_BYTES, KEY_BYTES_SIZE, KEY_HASH, KEY_RECORDS } from '../memory';

// Record, 128 bytes: the key and "=" as they stand in a member when they are at most 32 bytes; as many bytes of ones,
// zeros up to 32; how many, or NEVER; pointer and length of the key; the key that came behind this one last time.
const RECORD_SHIFT = 7;
const MASK = 32;
const PREFIX_LENGTH = 64;
const POINTER = 68;
const LENGTH = 72;
const NEXT = 76;
const LONGEST_PREFIX = 32;
/** No member is as long: the record is passed over. */
const NEVER = 0x10000000;
const HASH_MASK = 255;
const MAX_KEYS = 64;
const EQUALS: u8 = 0x3d;

/** Stands for no key at all: what comes behind it is what came first last time. */
export const NO_KEY = MAX_KEYS;

let count: i32 = 0;
let nextByte: usize = KEY_BYTES;

export function buildKeys(): void {
  for (let index = 0; index <= MAX_KEYS; index++) store<i32>(recordOf(index), NEVER, PREFIX_LENGTH);
}

/** Gives a key its index; false when there is no room for it. */
export function registerKey(source: usize, length: i32, index: i32): bool {
  if (index >= MAX_KEYS || nextByte + length > KEY_BYTES + KEY_BYTES_SIZE) return false;
  memory.copy(nextByte, source, length);
  const record = recordOf(index);
  store<u32>(record, <u32>nextByte, POINTER);
  store<i32>(record, length, LENGTH);
  store<i32>(record, index + 1, NEXT);
  if (length < LONGEST_PREFIX) {
    memory.copy(record, source, length);
    store<u8>(record + length, EQUALS);
    memory.fill(record + MASK, 0xff, length + 1);
    store<i32>(record, length + 1, PREFIX_LENGTH);
  }
  let probe = hashOf(source, length) & HASH_MASK;
  while (load<u8>(KEY_HASH + probe) != 0) probe = (probe + 1) & HASH_MASK;
  store<u8>(KEY_HASH + probe, <u8>(index + 1));
  nextByte += length;
  count = max(count, index + 1);
  return true;
}

/** One more than the highest index. */
export function keyCount(): i32 {
  return count;
}

// @ts-ignore: decorator
@inline
function recordOf(index: i32): usize {
  return KEY_RECORDS + (<usize>index << RECORD_SHIFT);
}

/**
 * The key to look at first behind key `last`: peers write their members in an order of their own and keep to it, so it
 * is the one that followed last time, and nothing has to be hashed.
 */
// @ts-ignore: decorator
@inline
export function guessBehind(last: i32): i32 {
  return load<i32>(recordOf(last), NEXT);
}

/** Bytes of the key and its "=", or more than any member has. */
// @ts-ignore: decorator
@inline
export function prefixLength(index: i32): i32 {
  return load<i32>(recordOf(index), PREFIX_LENGTH);
}

/** Whether a member of at least `prefixLength` bytes starts with the key and "=". */
// @ts-ignore: decorator
@inline
export function hasPrefix(member: usize, index: i32): bool {
  const record = recordOf(index);
  if (!ASC_FEATURE_SIMD) return equalShort(record, member, prefixLength(index));
  const low = v128.and(v128.xor(v128.load(record), v128.load(member)), v128.load(record, MASK));
  const high = v128.and(v128.xor(v128.load(record, 16), v128.load(member, 16)), v128.load(record, MASK + 16));
  return !v128.any_true(v128.or(low, high));
}

/** Index of a key, or -1; one that is found is what is guessed behind `last` next time. */
export function findKey(pointer: usize, length: i32, last: i32): i32 {
  const guess = guessBehind(last);
  if (isKey(guess, pointer, length)) return guess;
  let probe = hashOf(pointer, length) & HASH_MASK;
  while (true) {
    const index = <i32>load<u8>(KEY_HASH + probe) - 1;
    if (index < 0) return -1;
    if (isKey(index, pointer, length)) {
      store<i32>(recordOf(last), index, NEXT);
      return index;
    }
    probe = (probe + 1) & HASH_MASK;
  }
}

function isKey(index: i32, pointer: usize, length: i32): bool {
  const record = recordOf(index);
  return load<i32>(record, LENGTH) == length && equal(load<u32>(record, POINTER), pointer, length);
}
