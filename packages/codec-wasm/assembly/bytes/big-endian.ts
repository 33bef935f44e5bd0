/** Network byte order reads (RFC 9113 section 2.2). */
export function u16At(pointer: usize): i32 {
  return <i32>bswap<u16>(load<u16>(pointer));
}

export function u24At(pointer: usize): i32 {
  return (<i32>load<u8>(pointer) << 16) | (<i32>load<u8>(pointer, 1) << 8) | <i32>load<u8>(pointer, 2);
}

export function u32At(pointer: usize): u32 {
  return bswap<u32>(load<u32>(pointer));
}

/** 31 bits; the reserved first bit is ignored on receipt (RFC 9113 sections 4.1, 6.8, 6.9). */
export function u31At(pointer: usize): i32 {
  return <i32>(u32At(pointer) & 0x7fffffff);
}
