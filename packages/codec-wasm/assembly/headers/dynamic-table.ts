/**
 * The dynamic table of one connection, RFC 7541 sections 2.3.2 and 4: entries in a ring, their bytes in a second one
 * that is twice as large as the table may be. Lives in the slot; never larger than MAX_TABLE.
 */
import { copy } from '../bytes/copy';
import { HPACK_TABLE_UPDATE_TOO_LARGE } from '../events';
import {
  MAX_TABLE, TABLE_BYTES, TABLE_CAPACITY, TABLE_COUNT, TABLE_ENTRY_SIZE, TABLE_LIMIT, TABLE_NEWEST, TABLE_OWED,
  TABLE_RING, TABLE_RING_ENTRIES, TABLE_USED, TABLE_WRITE, get, set,
} from '../memory';
import { nameLengthOf, valueLengthOf, write } from './entry';

/** What an entry costs beyond its bytes: RFC 7541 section 4.1. */
const OVERHEAD = 32;
const BYTES_SIZE = MAX_TABLE * 2;

export function openTable(slot: usize, bytes: i32): void {
  set(slot, TABLE_LIMIT, bytes);
  set(slot, TABLE_CAPACITY, bytes);
  set(slot, TABLE_OWED, -1);
}

/** A limit under the size in use has to be answered by a size update in the next block: RFC 9113 section 4.3.1. */
export function setLimit(slot: usize, bytes: i32): void {
  set(slot, TABLE_LIMIT, bytes);
  const owed = get(slot, TABLE_OWED);
  if (bytes < get(slot, TABLE_CAPACITY) && (owed < 0 || bytes < owed)) set(slot, TABLE_OWED, bytes);
}

/** Settles a size update; answers the fault or 0. */
export function resize(slot: usize, bytes: i32): i32 {
  if (bytes > get(slot, TABLE_LIMIT)) return HPACK_TABLE_UPDATE_TOO_LARGE;
  if (bytes <= get(slot, TABLE_OWED)) set(slot, TABLE_OWED, -1);
  set(slot, TABLE_CAPACITY, bytes);
  evictTo(slot, bytes);
  return 0;
}

export function owesUpdate(slot: usize): bool {
  return get(slot, TABLE_OWED) >= 0;
}

export function dynamicCount(slot: usize): i32 {
  return get(slot, TABLE_COUNT);
}

/** Entry 0 is the newest. */
export function dynamicEntry(slot: usize, index: i32): usize {
  assert(index >= 0 && index < get(slot, TABLE_COUNT));
  return ringEntry(slot, get(slot, TABLE_NEWEST) - index);
}

/** The number of entry `index`: entries are counted as they come and keep their number. Never 0. */
export function entryNumber(slot: usize, index: i32): i32 {
  return get(slot, TABLE_NEWEST) - index;
}

/** The entry with that number, or 0 when it is gone. */
export function numberedEntry(slot: usize, number: i32): usize {
  const index = get(slot, TABLE_NEWEST) - number;
  return index >= 0 && index < get(slot, TABLE_COUNT) ? ringEntry(slot, number) : 0;
}

function ringEntry(slot: usize, position: i32): usize {
  return slot + TABLE_RING + <usize>(position & (TABLE_RING_ENTRIES - 1)) * TABLE_ENTRY_SIZE;
}

/** Copies a field in, and makes room first. One larger than the table empties it and is not kept (section 4.4). */
export function insert(
  slot: usize, source: usize, nameLength: i32, valueLength: i32, knownName: i32, verdict: i32,
): void {
  const length = nameLength + valueLength;
  const capacity = get(slot, TABLE_CAPACITY);
  const size = length + OVERHEAD;
  evictTo(slot, max(capacity - size, 0));
  if (size > capacity) return;

  const target = reserve(slot, length);
  copy(target, source, length);
  const newest = get(slot, TABLE_NEWEST) + 1;
  write(ringEntry(slot, newest), target, nameLength, valueLength, knownName, verdict);
  set(slot, TABLE_NEWEST, newest);
  set(slot, TABLE_COUNT, get(slot, TABLE_COUNT) + 1);
  set(slot, TABLE_USED, get(slot, TABLE_USED) + size);
}

/** Drops the oldest entries until the table takes at most `bytes`. */
function evictTo(slot: usize, bytes: i32): void {
  let used = get(slot, TABLE_USED);
  let count = get(slot, TABLE_COUNT);
  while (used > bytes) {
    const oldest = dynamicEntry(slot, count - 1);
    used -= nameLengthOf(oldest) + valueLengthOf(oldest) + OVERHEAD;
    count--;
    set(slot, TABLE_COUNT, count);
  }
  set(slot, TABLE_USED, used);
}

/**
 * Room for `length` bytes behind the newest entry, or at the front when the end is reached. Nothing has to move then:
 * the live bytes end where the last entry ended, more than BYTES_SIZE - length from the front, and are at most
 * MAX_TABLE - length; so they start behind MAX_TABLE, and whatever is written up to there evicts them first.
 */
function reserve(slot: usize, length: i32): usize {
  const end = get(slot, TABLE_WRITE);
  const at = end + length > BYTES_SIZE ? 0 : end;
  set(slot, TABLE_WRITE, at + length);
  return slot + TABLE_BYTES + at;
}
