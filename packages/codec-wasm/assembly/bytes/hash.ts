/**
 * Hash and equality of short text. The hash is for tables that only the host fills: peers can look up in them, but not
 * make collisions. Both read up to 31 bytes behind the text (PADDING in memory.ts) and mask them off.
 */
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;

/** The `length` (1 to 8) bytes at `pointer`, zeros above. */
// @ts-ignore: decorator
@inline
export function wordAt(pointer: usize, length: i32): u64 {
  return load<u64>(pointer) & (u64.MAX_VALUE >> ((8 - length) << 3));
}

/** Of length, first and last eight bytes: names that share all three share a chain, which registration bounds. */
export function hashOf(pointer: usize, length: i32): u32 {
  if (length == 0) return 0;
  const first = wordAt(pointer, min(length, 8));
  const last = length > 8 ? load<u64>(pointer + length - 8) : 0;
  return <u32>(((first ^ rotl(last, 29) ^ <u64>length) * MULTIPLIER) >> 40);
}

export function equal(left: usize, right: usize, length: i32): bool {
  if (length <= 32) return equalShort(left, right, length);
  return ASC_FEATURE_SIMD ? equalByBlocks(left, right, length) : equalByWords(left, right, length);
}

/** At most 32 bytes. */
// @ts-ignore: decorator
@inline
export function equalShort(left: usize, right: usize, length: i32): bool {
  if (!ASC_FEATURE_SIMD) return equalByWords(left, right, length);
  // Without a loop: the lengths of keys and names vary, so that a branch on them would be foreseen badly.
  const low = i8x16.bitmask(i8x16.eq(v128.load(left), v128.load(right)));
  const high = i8x16.bitmask(i8x16.eq(v128.load(left, 16), v128.load(right, 16)));
  return (<u64>(low | (high << 16)) | (u64.MAX_VALUE << length)) == u64.MAX_VALUE;
}

/** Over 32 bytes: whole blocks, and the last 16 bytes once more. */
function equalByBlocks(left: usize, right: usize, length: i32): bool {
  const end = length - 16;
  for (let i = 0; i < end; i += 16) {
    if (v128.any_true(v128.xor(v128.load(left + i), v128.load(right + i)))) return false;
  }
  return !v128.any_true(v128.xor(v128.load(left + end), v128.load(right + end)));
}

function equalByWords(left: usize, right: usize, length: i32): bool {
  while (length >= 8) {
    if (load<u64>(left) != load<u64>(right)) return false;
    left += 8;
    right += 8;
    length -= 8;
  }
  return length == 0 || wordAt(left, length) == wordAt(right, length);
}

/** Writes an ASCII literal as bytes and answers the address behind it. */
export function putText(pointer: usize, text: string): usize {
  for (let i = 0; i < text.length; i++) store<u8>(pointer + i, <u8>text.charCodeAt(i));
  return pointer + text.length;
}
