/** FNV-1a and byte equality, for tables that only the host fills: peers can look up in them, but not make collisions. */
export function hashOf(pointer: usize, length: i32): u32 {
  let hash: u32 = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = (hash ^ load<u8>(pointer + i)) * 0x01000193;
  return hash;
}

export function equal(left: usize, right: usize, length: i32): bool {
  return memory.compare(left, right, length) == 0;
}

/** Writes an ASCII literal as bytes and answers the address behind it. */
export function putText(pointer: usize, text: string): usize {
  for (let i = 0; i < text.length; i++) store<u8>(pointer + i, <u8>text.charCodeAt(i));
  return pointer + text.length;
}
