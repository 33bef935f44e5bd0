/** Baggage keys the host registered, at most 64. Peers cannot add to them. */
import { equal, hashOf } from '../bytes/hash';
import { KEY_BYTES, KEY_BYTES_SIZE, KEY_ENTRIES, KEY_HASH } from '../memory';

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

/** Index of a key, or -1. */
export function findKey(pointer: usize, length: i32): i32 {
  let probe = hashOf(pointer, length) & HASH_MASK;
  while (true) {
    const index = <i32>load<u8>(KEY_HASH + probe) - 1;
    if (index < 0) return -1;
    const entry = KEY_ENTRIES + <usize>index * ENTRY_SIZE;
    if (load<i32>(entry, 4) == length && equal(load<u32>(entry), pointer, length)) return index;
    probe = (probe + 1) & HASH_MASK;
  }
}
