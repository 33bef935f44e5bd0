/**
 * The one span being read. Reading past its end is the caller's bug, not the peer's: every caller asks `remaining`
 * first and reports its own fault (debug builds assert it).
 */
let at: usize = 0;
let end: usize = 0;

export function open(start: usize, length: i32): void {
  at = start;
  end = start + length;
}

export function remaining(): i32 {
  return <i32>(end - at);
}

/** The next byte, without moving on. */
export function peek(): i32 {
  assert(at < end);
  return <i32>load<u8>(at);
}

/** Moves over `length` bytes and answers where they start. */
export function take(length: i32): usize {
  assert(length >= 0 && length <= remaining());
  const start = at;
  at += length;
  return start;
}
