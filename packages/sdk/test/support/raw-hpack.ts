/** Header blocks written instruction by instruction (RFC 7541 section 6), for what no encoder would send. Values are short. */

function text(value: string): Buffer {
  if (value.length > 126) throw new Error('one byte of length is all this writes');
  return Buffer.from([value.length, ...Buffer.from(value, 'latin1')]);
}

export const hpack = {
  /** A whole field of the tables; index at most 126. */
  indexed: (index: number) => Buffer.of(0x80 | index),
  /** Literal without indexing. */
  literal: (name: string, value: string) => Buffer.concat([Buffer.of(0x00), text(name), text(value)]),
  /** Literal that enters the dynamic table. */
  indexing: (name: string, value: string) => Buffer.concat([Buffer.of(0x40), text(name), text(value)]),
  /** Literal never to be indexed. */
  never: (name: string, value: string) => Buffer.concat([Buffer.of(0x10), text(name), text(value)]),
  /** Dynamic table size update, prefix of 5 bits and one more byte when needed. */
  resize(size: number): Buffer {
    if (size < 31) return Buffer.of(0x20 | size);
    const bytes = [0x3f];
    let rest = size - 31;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    return Buffer.from([...bytes, rest]);
  },
  /** `:method: CONNECT` and `:authority`, with nothing in the dynamic table. */
  connect: (authority: string) =>
    Buffer.concat([hpack.literal(':method', 'CONNECT'), hpack.literal(':authority', authority)]),
};
