/** Baggage keys the host registered, at most 64. Peers cannot add to them. */
import { equal, hashOf } from '../bytes/hash';
import { KEY_BYTES, KEY_BYTES_SIZE, KEY_ENTRIES, KEY_GUESSES, KEY_HASH } from '../memory';

// Entry: pointer u32, length i32.
const ENTRY_SIZE: usize = 8;
const HASH_MASK = 255;
const MAX_KEYS = 64;

let nextByte: usize = KEY_BYTES;

/** Gives a key its index; false when there is no room for it. */
export function registerKey(source: usize, length: i32, index: i32): bool {
  if (index >= MAX_KEYS || nextByte + length > KEY_BYTES + KEY_BYTES_SIZE) return false;
  memory.copy(nextByte, source, length);
  const entry = KEY_ENTRIES + <usize>index * ENTRY_SIZE;
  store<u32>(entry, <u32>nextByte);
  store<i32>(entry, length, 4);
  let probe = hashOf(source, length) & HASH_MASK;
  while (load<u8>(KEY_HASH + probe) != 0) probe = (probe + 1) & HASH_MASK;
  store<u8>(KEY_HASH + probe, <u8>(index + 1));
  nextByte += length;
  return true;
}

/** What `findKey` is told of a header's first member. */
export const FIRST_GUESS = MAX_KEYS;

/**
 * Index of a key, or -1. `last` is the index that came before it in its header: peers write their members in an order of
 * their own and keep to it, so the key that followed last time is looked at first, before anything is hashed.
 */
// @ts-ignore: decorator
@inline
export function findKey(pointer: usize, length: i32, last: i32): i32 {
  const guess = <i32>load<u8>(KEY_GUESSES + last);
  return isKey(guess, pointer, length) ? guess : searchKey(pointer, length, last);
}

// @ts-ignore: decorator
@inline
function isKey(index: i32, pointer: usize, length: i32): bool {
  const entry = KEY_ENTRIES + ((<usize>index) << 3);
  return load<i32>(entry, 4) == length && equal(load<u32>(entry), pointer, length);
}

function searchKey(pointer: usize, length: i32, last: i32): i32 {
  let probe = hashOf(pointer, length) & HASH_MASK;
  while (true) {
    const index = <i32>load<u8>(KEY_HASH + probe) - 1;
    if (index < 0) return -1;
    if (isKey(index, pointer, length)) {
      store<u8>(KEY_GUESSES + last, <u8>index);
      return index;
    }
    probe = (probe + 1) & HASH_MASK;
  }
}
