/** Network byte order reads (RFC 9113 section 2.2). The caller knows that the bytes are there. */
export function u16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

export function u24At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/** 31 bits; the reserved first bit is ignored on receipt (RFC 9113 sections 4.1, 6.8, 6.9). */
export function u31At(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) & 0x7f) << 24) | u24At(bytes, at + 1);
}

export function u32At(bytes: Uint8Array, at: number): number {
  return i32At(bytes, at) >>> 0;
}

/** Signed, where only the bits count: no number over 2^31 has to be made. */
export function i32At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | u24At(bytes, at + 1);
}
