/**
 * Texts seen before, as numbers: equal numbers mean equal bytes. 256 sets of four, so a look-up reads four entries and
 * compares at most the texts whose hash is the same, whatever peers send.
 *
 * The hash is NH (RFC 4418 section 5.2.1) under a key that the host draws per codec: two texts of a peer's choice meet
 * with a chance of 2^-32, so nobody can aim at a set. A full set gives up a member by lot, not by age: a peer that floods
 * the table makes others be read anew now and then, at the price of one parse, and can never make a wrong answer.
 */
import { copy } from '../bytes/copy';
import { equal, wordAt } from '../bytes/hash';
import { INTERN_COUNT, INTERN_ENTRIES, INTERN_KEY, INTERN_TEXTS, INTERN_TEXT_SIZE } from '../memory';

const ENTRY_SIZE: usize = 16;
const WAYS = 4;
const SETS = INTERN_COUNT / WAYS;
/** Serial and entry number together stay below 2^53. At a million new texts a second this takes 278 years. */
const LAST_SERIAL: u64 = (1 << 43) - 1;

let serial: u64 = 0;
let lot: u32 = 0;

/** The number of a text, new when it is not known; -1 when it is too long to be kept. */
export function internOf(text: usize, length: i32): f64 {
  if (length == 0 || length > INTERN_TEXT_SIZE || serial >= LAST_SERIAL) return -1;
  const sum = nhOf(text, length);
  const hash = <u32>(sum ^ (sum >> 32));
  const first = <i32>((hash ^ (hash >> 16)) & (SETS - 1)) * WAYS;
  for (let i = first; i < first + WAYS; i++) {
    const entry = INTERN_ENTRIES + <usize>i * ENTRY_SIZE;
    const same = load<u32>(entry, 12) == hash && load<i32>(entry, 8) == length;
    if (same && equal(textAt(i), text, length)) return idOf(load<u64>(entry), i);
  }
  return keep(first, text, length, hash);
}

/** Whether a number still stands for its text: one that was given up never comes back. */
export function isInterned(id: f64): bool {
  if (id < 0) return false;
  const whole = <u64>id;
  return load<u64>(INTERN_ENTRIES + <usize>(whole & (INTERN_COUNT - 1)) * ENTRY_SIZE) == whole / INTERN_COUNT;
}

function textAt(number: i32): usize {
  return INTERN_TEXTS + <usize>number * INTERN_TEXT_SIZE;
}

function idOf(serial: u64, number: i32): f64 {
  return <f64>(serial * INTERN_COUNT + number);
}

function keep(first: i32, text: usize, length: i32, hash: u32): f64 {
  let number = -1;
  for (let i = first; i < first + WAYS && number < 0; i++) {
    if (load<i32>(INTERN_ENTRIES + <usize>i * ENTRY_SIZE, 8) == 0) number = i;
  }
  if (number < 0) number = first + <i32>(draw() & (WAYS - 1));
  const entry = INTERN_ENTRIES + <usize>number * ENTRY_SIZE;
  serial++;
  store<u64>(entry, serial);
  store<i32>(entry, length, 8);
  store<u32>(entry, hash, 12);
  copy(textAt(number), text, length);
  return idOf(serial, number);
}

/** Xorshift, seeded by the last word of the key: fair enough to draw lots, and not for the peer to foresee. */
function draw(): u32 {
  if (lot == 0) lot = load<u32>(INTERN_KEY, INTERN_TEXT_SIZE) | 1;
  lot ^= lot << 13;
  lot ^= lot >> 17;
  lot ^= lot << 5;
  return lot >> 8;
}

function nhOf(text: usize, length: i32): u64 {
  let sum: u64 = <u64>length;
  let at = 0;
  for (; at + 8 <= length; at += 8) sum += product(load<u64>(text + at), INTERN_KEY + at);
  if (at < length) sum += product(wordAt(text + at, length - at), INTERN_KEY + at);
  return sum;
}

// @ts-ignore: decorator
@inline
function product(word: u64, key: usize): u64 {
  const low = <u32>word + load<u32>(key);
  const high = <u32>(word >> 32) + load<u32>(key, 4);
  return <u64>low * <u64>high;
}
