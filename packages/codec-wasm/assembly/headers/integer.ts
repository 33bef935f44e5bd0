/** HPACK prefixed integers, RFC 7541 section 5.1. */
import { peek, remaining, take } from '../bytes/cursor';
import { HPACK_INTEGER, HPACK_TRUNCATED } from '../events';

/** Nothing an HPACK integer can mean here comes near 28 bits; five bytes leave room for an encoder that pads. */
const MAX_CONTINUATION_BYTES = 5;

/** Value of the integer whose first byte is next, or the negated fault. */
export function readInteger(prefixBits: i32): i32 {
  const mask = (1 << prefixBits) - 1;
  const first = peek() & mask;
  take(1);
  if (first < mask) return first;
  let value: u64 = mask;
  for (let i = 0; i < MAX_CONTINUATION_BYTES; i++) {
    if (remaining() == 0) return -HPACK_TRUNCATED;
    const byte = peek();
    take(1);
    value += <u64>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) return value <= <u64>i32.MAX_VALUE ? <i32>value : -HPACK_INTEGER;
  }
  return -HPACK_INTEGER;
}
