/**
 * A table entry, static or dynamic (layout in memory.ts): where name and value lie, one after the other, and what is
 * known of them.
 */
export function pointerOf(entry: usize): usize {
  return load<u32>(entry);
}

export function nameLengthOf(entry: usize): i32 {
  return <i32>load<u16>(entry, 4);
}

export function valueLengthOf(entry: usize): i32 {
  return <i32>load<u16>(entry, 6);
}

/** Number of the name among the known ones (headers/names.ts). */
export function knownNameOf(entry: usize): i32 {
  return <i32>load<u16>(entry, 8);
}

/** Fault in the field's own bytes, whatever block it stands in (headers/rules.ts), or 0. */
export function verdictOf(entry: usize): i32 {
  return <i32>load<u8>(entry, 10);
}

/** Number of the value among the interned texts (baggage/intern.ts), or -1 when it is not known. */
export function peerOf(entry: usize): f64 {
  return load<f64>(entry, 16);
}

export function setPeer(entry: usize, peer: f64): void {
  store<f64>(entry, peer, 16);
}

export function write(
  entry: usize, pointer: usize, nameLength: i32, valueLength: i32, knownName: i32, verdict: i32,
): void {
  store<u32>(entry, <u32>pointer);
  store<u16>(entry, <u16>nameLength, 4);
  store<u16>(entry, <u16>valueLength, 6);
  store<u16>(entry, <u16>knownName, 8);
  store<u8>(entry, <u8>verdict, 10);
  setPeer(entry, -1);
}
