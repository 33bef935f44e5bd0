/**
 * Copies text that does not overlap, reading and writing no byte more. memory.copy leaves the module, which costs more
 * than the copy of a header field does.
 */
const LONG = 256;

export function copy(target: usize, source: usize, length: i32): void {
  if (length >= 16) {
    if (length > LONG) memory.copy(target, source, length);
    else copyBlocks(target, source, length);
  } else if (length >= 8) {
    const last = load<u64>(source + length - 8);
    store<u64>(target, load<u64>(source));
    store<u64>(target + length - 8, last);
  } else if (length >= 4) {
    const last = load<u32>(source + length - 4);
    store<u32>(target, load<u32>(source));
    store<u32>(target + length - 4, last);
  } else {
    for (let i = 0; i < length; i++) store<u8>(target + i, load<u8>(source + i));
  }
}

/** At least 16 bytes: whole blocks, and the last 16 bytes once more. */
function copyBlocks(target: usize, source: usize, length: i32): void {
  const end = length - 16;
  for (let i = 0; i < end; i += 16) copyBlock(target + i, source + i);
  copyBlock(target + end, source + end);
}

function copyBlock(target: usize, source: usize): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(target, v128.load(source));
  } else {
    const second = load<u64>(source, 8);
    store<u64>(target, load<u64>(source));
    store<u64>(target, second, 8);
  }
}
