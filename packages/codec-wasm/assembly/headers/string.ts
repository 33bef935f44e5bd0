/** String literals, RFC 7541 section 5.2: plain or in Huffman code. */
import { copy } from '../bytes/copy';
import { peek, remaining, take } from '../bytes/cursor';
import { HPACK_TRUNCATED } from '../events';
import { decodeHuffman, hadLongCode } from './huffman';
import { readInteger } from './integer';

let suspect: bool = false;

/** Writes the next string to `target`; answers its length or the negated fault. */
export function readString(target: usize): i32 {
  if (remaining() == 0) return -HPACK_TRUNCATED;
  const isHuffman = (peek() & 0x80) != 0;
  const length = readInteger(7);
  if (length < 0) return length;
  if (length > remaining()) return -HPACK_TRUNCATED;
  const source = take(length);
  if (isHuffman) {
    const decoded = decodeHuffman(source, length, target);
    suspect = hadLongCode();
    return decoded;
  }
  suspect = true;
  copy(target, source, length);
  return length;
}

/** Whether the string read last may hold NUL, CR or LF: their codes are long, so that of most strings it is known. */
export function mayHoldControl(): bool {
  return suspect;
}
