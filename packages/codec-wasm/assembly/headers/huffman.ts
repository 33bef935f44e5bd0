/**
 * Huffman decoding, RFC 7541 section 5.2. Codes of up to nine bits (every letter, digit and most punctuation) come out
 * of one lookup; longer ones by comparing with the last code of each length, which canonical order allows.
 */
import { HPACK_HUFFMAN_EOS, HPACK_HUFFMAN_PADDING } from '../events';
import { HUFFMAN_FAST, HUFFMAN_ROWS, HUFFMAN_SYMBOLS } from '../memory';
import { HUFFMAN_LENGTHS } from './tables';

const FAST_BITS = 9;
const LONGEST = 30;
const ROW_SIZE = 12;
const EOS = 256;

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
      if (length <= FAST_BITS) fillFast(<u32>code, length, symbol);
      code++;
      index++;
    }
    store<u32>(row, <u32>((code << (32 - length)) - 1));
  }
}

function fillFast(code: u32, length: i32, symbol: i32): void {
  const free = FAST_BITS - length;
  const first = code << free;
  for (let i: u32 = 0; i < <u32>1 << free; i++) {
    store<u16>(HUFFMAN_FAST + (first + i) * 2, (length << 9) | symbol);
  }
}

/** Decodes `length` bytes to `target` (room: 8/5 of them) and answers how many it wrote, or the negated fault. */
export function decodeHuffman(source: usize, length: i32, target: usize): i32 {
  const end = source + length;
  let out = target;
  let buffer: u64 = 0;
  let bits = 0;
  while (true) {
    while (bits <= 56 && source < end) {
      buffer = (buffer << 8) | load<u8>(source++);
      bits += 8;
    }
    if (bits == 0) return <i32>(out - target);
    // The next 32 bits from the left; behind the end come ones, as padding is made of.
    const ahead = bits >= 32 ? <u32>(buffer >> (bits - 32)) : (<u32>(buffer << (32 - bits))) | (<u32>-1 >> bits);
    const entry = codeAt(ahead);
    const codeLength = entry >> 9;
    if (codeLength > bits) {
      // Not a whole code: it has to be padding, shorter than a byte and all ones, the start of EOS.
      return bits < 8 && ahead == <u32>-1 ? <i32>(out - target) : -HPACK_HUFFMAN_PADDING;
    }
    const symbol = entry & 0x1ff;
    if (symbol == EOS) return -HPACK_HUFFMAN_EOS;
    store<u8>(out++, symbol);
    bits -= codeLength;
  }
}

/** Code at the left of `ahead`: length << 9 | symbol. */
function codeAt(ahead: u32): i32 {
  const fast = <i32>load<u16>(HUFFMAN_FAST + (ahead >> (32 - FAST_BITS)) * 2);
  if (fast != 0) return fast;
  let length = FAST_BITS + 1;
  while (ahead > load<u32>(HUFFMAN_ROWS + length * ROW_SIZE)) length++;
  const row = HUFFMAN_ROWS + length * ROW_SIZE;
  const index = load<u32>(row, 8) + ((ahead >> (32 - length)) - load<u32>(row, 4));
  return (length << 9) | <i32>load<u16>(HUFFMAN_SYMBOLS + index * 2);
}
