/**
 * Huffman decoding, RFC 7541 section 5.2. One lookup of 12 bits answers two symbols when both their codes fit, which for
 * header text they mostly do; codes over 12 bits are found by comparing with the last code of each length, which
 * canonical order allows.
 */
import { HPACK_HUFFMAN_EOS, HPACK_HUFFMAN_PADDING } from '../events';
import { HUFFMAN_PAIRS, HUFFMAN_ROWS, HUFFMAN_SYMBOLS } from '../memory';
import { HUFFMAN_LENGTHS } from './tables';

const LOOKUP_BITS = 12;
const LONGEST = 30;
const ROW_SIZE = 12;
const EOS = 256;

// Entry of HUFFMAN_PAIRS: first symbol, second symbol << 8, bits of both << 16, bits of the first << 20, symbols << 24;
// 0 when the first code is longer than the lookup.
const BITS_SHIFT = 16;
const FIRST_SHIFT = 20;
const COUNT_SHIFT = 24;

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
  for (let ahead: u32 = 0; ahead < 1 << LOOKUP_BITS; ahead++) store<u32>(HUFFMAN_PAIRS + ahead * 4, pairAt(ahead));
}

function pairAt(ahead: u32): u32 {
  // Bits that are not known are ones: a code that reads into them comes out longer than what is there.
  const unknown: u32 = u32.MAX_VALUE >> LOOKUP_BITS;
  const first = codeAt((ahead << (32 - LOOKUP_BITS)) | unknown);
  const firstBits = first >> 9;
  if (firstBits > LOOKUP_BITS) return 0;
  const second = codeAt((ahead << (32 - LOOKUP_BITS + firstBits)) | (u32.MAX_VALUE >> (LOOKUP_BITS - firstBits)));
  const bits = firstBits + (second >> 9);
  const single = <u32>((first & 0xff) | (firstBits << FIRST_SHIFT));
  if (bits > LOOKUP_BITS) return single | <u32>((firstBits << BITS_SHIFT) | (1 << COUNT_SHIFT));
  return single | <u32>(((second & 0xff) << 8) | (bits << BITS_SHIFT) | (2 << COUNT_SHIFT));
}

/**
 * Decodes `length` bytes to `target` (room: 8/5 of them, and one byte that may be written and means nothing) and answers
 * how many it wrote, or the negated fault.
 */
export function decodeHuffman(source: usize, length: i32, target: usize): i32 {
  const end = source + length;
  let out = target;
  // Bits not decoded yet, from the left.
  let buffer: u64 = 0;
  let bits = 0;
  while (source + 8 <= end) {
    // Whole bytes up to 56 bits and more. What is loaded beyond is loaded again with the same value.
    buffer |= bswap<u64>(load<u64>(source)) >> bits;
    source += (63 - bits) >> 3;
    bits |= 56;
    // Four lookups take 48 bits at most.
    for (let i = 0; i < 4; i++) {
      const entry = load<u32>(HUFFMAN_PAIRS + ((<usize>(buffer >> (64 - LOOKUP_BITS))) << 2));
      if (entry == 0) {
        if (bits < LONGEST) break;
        const code = codeAt(<u32>(buffer >> 32));
        if ((code & 0x1ff) == EOS) return -HPACK_HUFFMAN_EOS;
        store<u8>(out++, code);
        buffer <<= code >> 9;
        bits -= code >> 9;
        break;
      }
      store<u16>(out, <u16>entry);
      out += entry >> COUNT_SHIFT;
      const taken = (entry >> BITS_SHIFT) & 15;
      buffer <<= taken;
      bits -= taken;
    }
  }
  return decodeRest(source, end, buffer & ~(u64.MAX_VALUE >> bits), bits, out, target);
}

/** The last bytes, looked at one symbol at a time where two might be one too many. */
function decodeRest(source: usize, end: usize, buffer: u64, bits: i32, out: usize, target: usize): i32 {
  while (true) {
    while (bits <= 56 && source < end) {
      buffer |= <u64>load<u8>(source++) << (56 - bits);
      bits += 8;
    }
    if (bits == 0) return <i32>(out - target);
    // Behind the end come ones, as padding is made of.
    const ahead = bits >= 64 ? buffer : buffer | (u64.MAX_VALUE >> bits);
    const entry = load<u32>(HUFFMAN_PAIRS + ((<usize>(ahead >> (64 - LOOKUP_BITS))) << 2));
    if (entry != 0 && <i32>((entry >> BITS_SHIFT) & 15) <= bits) {
      const taken = (entry >> BITS_SHIFT) & 15;
      store<u16>(out, <u16>entry);
      out += entry >> COUNT_SHIFT;
      buffer <<= taken;
      bits -= taken;
      continue;
    }
    const code = entry != 0 ? <i32>((((entry >> FIRST_SHIFT) & 15) << 9) | (entry & 0xff)) : codeAt(<u32>(ahead >> 32));
    const codeBits = code >> 9;
    if (codeBits > bits) {
      // Not a whole code: it has to be padding, shorter than a byte and all ones, the start of EOS.
      return bits < 8 && ahead == u64.MAX_VALUE ? <i32>(out - target) : -HPACK_HUFFMAN_PADDING;
    }
    if ((code & 0x1ff) == EOS) return -HPACK_HUFFMAN_EOS;
    store<u8>(out++, code);
    buffer <<= codeBits;
    bits -= codeBits;
  }
}

/** Code at the left of `ahead`: length << 9 | symbol. */
function codeAt(ahead: u32): i32 {
  let length = 5;
  while (ahead > load<u32>(HUFFMAN_ROWS + length * ROW_SIZE)) length++;
  const row = HUFFMAN_ROWS + length * ROW_SIZE;
  const index = load<u32>(row, 8) + ((ahead >> (32 - length)) - load<u32>(row, 4));
  return (length << 9) | <i32>load<u16>(HUFFMAN_SYMBOLS + index * 2);
}
