/**
 * Huffman decoding, RFC 7541 section 5.2. One lookup of 12 bits answers two symbols when both their codes fit, which for
 * header text they mostly do; codes over 12 bits are found by comparing with the last code of each length, which
 * canonical order allows.
 *
 * Bits are held inverted: what is shifted in from the right then reads as ones, as padding is made of. What decides the
 * speed is how soon the next lookup can start, so an entry is a shift count as it stands.
 */
import { HPACK_HUFFMAN_EOS, HPACK_HUFFMAN_PADDING } from '../events';
import { HUFFMAN_PAIRS, HUFFMAN_ROWS, HUFFMAN_SYMBOLS } from '../memory';
import { HUFFMAN_LENGTHS } from './tables';

const LOOKUP_BITS = 12;
const LOOKUP_MASK = (1 << LOOKUP_BITS) - 1;
const LONGEST = 30;
const ROW_SIZE = 12;
const EOS = 256;

// Entry of HUFFMAN_PAIRS, by the inverted bits: bits of both codes, first symbol << 8, second symbol << 16, symbols << 24;
// 0 when the first code is longer than the lookup: it moves nothing, so that it is enough to look at the last of several.
const FIRST_SHIFT = 8;
const SECOND_SHIFT = 16;
const COUNT_SHIFT = 24;
const BITS_MASK = 63;
/** Lookups for one load of eight bytes, of which at least 57 bits are new: they take 48 at most. */
const LOOKUPS_BITS = 48;

/** Set by `decodeHuffman` when a code was longer than the lookup, as those of NUL, CR and LF are. */
let long: bool = false;

/** Assigns the codes: by length, and by symbol within a length. */
export function buildHuffman(): void {
  let code: u64 = 0;
  let index = 0;
  for (let length = 1; length <= LONGEST; length++) {
    code <<= 1;
    const row = HUFFMAN_ROWS + length * ROW_SIZE;
    store<u32>(row, <u32>code, 4);
    store<u32>(row, index, 8);
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (unchecked(HUFFMAN_LENGTHS[symbol]) != length) continue;
      store<u16>(HUFFMAN_SYMBOLS + index * 2, symbol);
      code++;
      index++;
    }
    store<u32>(row, <u32>((code << (32 - length)) - 1));
  }
  for (let ahead: u32 = 0; ahead < 1 << LOOKUP_BITS; ahead++) {
    store<u32>(HUFFMAN_PAIRS + (ahead ^ LOOKUP_MASK) * 4, pairAt(ahead));
  }
}

function pairAt(ahead: u32): u32 {
  // Bits that are not known are ones: a code that reads into them comes out longer than what is there.
  const unknown: u32 = u32.MAX_VALUE >> LOOKUP_BITS;
  const first = codeAt((ahead << (32 - LOOKUP_BITS)) | unknown);
  const firstBits = first >> 9;
  if (firstBits > LOOKUP_BITS) return 0;
  const second = codeAt((ahead << (32 - LOOKUP_BITS + firstBits)) | (u32.MAX_VALUE >> (LOOKUP_BITS - firstBits)));
  const bits = firstBits + (second >> 9);
  const single = <u32>((first & 0xff) << FIRST_SHIFT);
  if (bits > LOOKUP_BITS) return single | <u32>(firstBits | (1 << COUNT_SHIFT));
  return single | <u32>(((second & 0xff) << SECOND_SHIFT) | bits | (2 << COUNT_SHIFT));
}

/**
 * Decodes `length` bytes to `target` (room: 8/5 of them, and two bytes that may be written and mean nothing) and answers
 * how many it wrote, or the negated fault. Reads up to eight bytes behind the text (PADDING in memory.ts).
 */
export function decodeHuffman(source: usize, length: i32, target: usize): i32 {
  const end = source + length;
  let out = target;
  // Bits not decoded yet, inverted, from the left.
  let buffer: u64 = 0;
  let bits = 0;
  long = false;
  while ((<i32>(end - source) << 3) + bits >= LOOKUPS_BITS) {
    // Whole bytes up to 56 bits and more. What is loaded beyond is loaded again with the same value.
    buffer |= invertedAt(source) >> bits;
    source += (63 - bits) >> 3;
    const first = lookUp(buffer);
    store<u16>(out, <u16>(first >> FIRST_SHIFT));
    out += <usize>(first >> COUNT_SHIFT);
    buffer <<= first;
    const second = lookUp(buffer);
    store<u16>(out, <u16>(second >> FIRST_SHIFT));
    out += <usize>(second >> COUNT_SHIFT);
    buffer <<= second;
    const third = lookUp(buffer);
    store<u16>(out, <u16>(third >> FIRST_SHIFT));
    out += <usize>(third >> COUNT_SHIFT);
    buffer <<= third;
    const fourth = lookUp(buffer);
    store<u16>(out, <u16>(fourth >> FIRST_SHIFT));
    out += <usize>(fourth >> COUNT_SHIFT);
    buffer <<= fourth;
    bits = (bits | 56) - <i32>((first + second + third) & BITS_MASK) - <i32>(fourth & BITS_MASK);
    if (first != 0) continue;
    const code = codeAt(~<u32>(buffer >> 32));
    if ((code & 0x1ff) == EOS) return -HPACK_HUFFMAN_EOS;
    long = true;
    store<u8>(out++, code);
    buffer <<= code >> 9;
    bits -= code >> 9;
  }
  // Fewer bits than four lookups may take, and behind them ones.
  let left = (<i32>(end - source) << 3) + bits;
  buffer = (buffer | (invertedAt(source) >> bits)) & ~(u64.MAX_VALUE >> left);
  while (true) {
    const first = lookUp(buffer);
    store<u16>(out, <u16>(first >> FIRST_SHIFT));
    out += <usize>(first >> COUNT_SHIFT);
    buffer <<= first;
    const second = lookUp(buffer);
    store<u16>(out, <u16>(second >> FIRST_SHIFT));
    out += <usize>(second >> COUNT_SHIFT);
    buffer <<= second;
    const third = lookUp(buffer);
    store<u16>(out, <u16>(third >> FIRST_SHIFT));
    out += <usize>(third >> COUNT_SHIFT);
    buffer <<= third;
    const fourth = lookUp(buffer);
    store<u16>(out, <u16>(fourth >> FIRST_SHIFT));
    out += <usize>(fourth >> COUNT_SHIFT);
    buffer <<= fourth;
    left -= <i32>((first + second + third + fourth) & BITS_MASK);
    // Ones alone make no short code, so one that needs bits from behind the end has others too: it is cut.
    if (left < 0) return -HPACK_HUFFMAN_PADDING;
    if (buffer != 0 && fourth != 0) continue;
    // Padding is shorter than a byte and all ones, the start of EOS.
    if (buffer == 0 && left < 8) return <i32>(out - target);
    const code = codeAt(~<u32>(buffer >> 32));
    const taken = code >> 9;
    if (taken > left) return -HPACK_HUFFMAN_PADDING;
    if ((code & 0x1ff) == EOS) return -HPACK_HUFFMAN_EOS;
    long = true;
    store<u8>(out++, code);
    buffer <<= taken;
    left -= taken;
  }
}

// @ts-ignore: decorator
@inline
function lookUp(buffer: u64): u64 {
  return load<u32>(<usize>(buffer >> (64 - LOOKUP_BITS)) << 2, HUFFMAN_PAIRS);
}

/** Eight bytes, the first one highest, all bits inverted. */
// @ts-ignore: decorator
@inline
function invertedAt(source: usize): u64 {
  // wasm cannot turn bytes round but by shuffling lanes; the long way costs a tenth of all decoding.
  if (!ASC_FEATURE_SIMD) return ~bswap<u64>(load<u64>(source));
  const bytes = v128.load64_zero(source);
  return ~v128.extract_lane<u64>(i8x16.shuffle(bytes, bytes, 7, 6, 5, 4, 3, 2, 1, 0, 8, 9, 10, 11, 12, 13, 14, 15), 0);
}

/** Whether the string decoded last had a code of more than 12 bits: only then can it hold NUL, CR or LF. */
export function hadLongCode(): bool {
  return long;
}

/** Code at the left of `ahead`: length << 9 | symbol. */
function codeAt(ahead: u32): i32 {
  let length = 5;
  while (ahead > load<u32>(HUFFMAN_ROWS + length * ROW_SIZE)) length++;
  const row = HUFFMAN_ROWS + length * ROW_SIZE;
  const index = load<u32>(row, 8) + ((ahead >> (32 - length)) - load<u32>(row, 4));
  return (length << 9) | <i32>load<u16>(HUFFMAN_SYMBOLS + index * 2);
}
