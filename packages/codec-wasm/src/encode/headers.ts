/**
 * Header blocks for sending. In TypeScript on purpose: laying out a CONNECT block from a template in JavaScript takes
 * 56 ns where Huffman coding its four values in wasm takes 569 (docs/adr/0002-wasm-boundary.md).
 *
 * Never uses the dynamic table: blocks can be cached, shared by connections and sent in any order, and nothing of a
 * peer's SETTINGS_HEADER_TABLE_SIZE has to be known. No Huffman: mesh headers are short and the link is fast.
 */
import { CodecError } from '../errors.js';
import { bytesOf, latin1At, putLatin1 } from '../text.js';
import { STATIC_TABLE } from './static-table.js';

const indexOfName = new Map<string, number>();
const indexOfField = new Map<string, number>();
for (const [row, [name, value]] of STATIC_TABLE.entries()) {
  if (!indexOfName.has(name)) indexOfName.set(name, row + 1);
  // A value with "\n" is refused below, so that the key cannot be made up of another pair.
  if (value !== '') indexOfField.set(`${name}\n${value}`, row + 1);
}

const INDEXED = 0x80;
const LITERAL_WITHOUT_INDEXING = 0x00;

/**
 * Text, or the bytes of one that is sent again and again, as `createBaggageBytes` keeps them. Bytes are looked at the
 * first time they are sent; from then on they must not change.
 */
export type HeaderValue = string | Uint8Array;

/**
 * One header block in HPACK (RFC 7541): fields of the static table by index, all others as literals without indexing,
 * names from the static table by index. Splitting it into HEADERS and CONTINUATION is the caller's.
 *
 * Names must be lower case; values are latin1. Throws `CodecError` INVALID_ARGUMENT on a field that RFC 9113 section
 * 8.2.1 forbids to send, naming the field.
 */
export function encodeHeaderBlock(fields: readonly (readonly [name: string, value: HeaderValue])[]): Uint8Array {
  let bound = 0;
  for (const [name, value] of fields) {
    checkField(name, value);
    bound += name.length + value.length + 2 * MAX_INTEGER + 1;
  }
  const block = bytesOf(new ArrayBuffer(bound));
  let at = 0;
  for (const [name, value] of fields) at = putField(block, at, name, value);
  return block.subarray(0, at);
}

/** A block whose fields are known but for some values. */
export interface HeaderEncoder {
  /** Most bytes that `write` takes with values of that length together. */
  bound(length: number): number;
  /**
   * Writes the block to `out` at `at`, with the values of the fields that had none, in order; answers the offset behind
   * it. Throws `CodecError` INVALID_ARGUMENT when a value cannot be sent or there are too few, RangeError when `out` is
   * too short.
   */
  write(out: Uint8Array, at: number, values: readonly HeaderValue[]): number;
}

/**
 * Encodes all of a block that does not change once, and copies it from then on: per workload, or per workload and
 * destination. Fields without a value get it with each `write`. The same bytes as `encodeHeaderBlock` makes.
 */
export function createHeaderEncoder(
  fields: readonly (readonly [name: string, value: HeaderValue | undefined])[],
): HeaderEncoder {
  const names: string[] = [];
  const heads: Uint8Array[] = [];
  let known: [string, HeaderValue][] = [];
  for (const [name, value] of fields) {
    if (value !== undefined) {
      known.push([name, value]);
      continue;
    }
    checkField(name, '');
    names.push(name);
    heads.push(concat(encodeHeaderBlock(known), nameOf(name)));
    known = [];
  }
  return new Template(names, heads, encodeHeaderBlock(known));
}

/** Few objects, each reached by one step: with hundreds of templates in use, what costs is memory that is not in a cache. */
class Template implements HeaderEncoder {
  /** What stands before each value, encoded: whole fields, then the name of the value's field. */
  readonly #heads: readonly Uint8Array[];
  readonly #tail: Uint8Array | undefined;
  readonly #names: readonly string[];
  readonly #fixed: number;

  constructor(names: readonly string[], heads: readonly Uint8Array[], tail: Uint8Array) {
    this.#heads = heads;
    this.#tail = tail.length > 0 ? tail : undefined;
    this.#names = names;
    this.#fixed = heads.reduce((sum, head) => sum + head.length + MAX_INTEGER, tail.length);
  }

  bound(length: number): number {
    return this.#fixed + length;
  }

  write(out: Uint8Array, at: number, values: readonly HeaderValue[]): number {
    const heads = this.#heads;
    let next = at;
    for (let i = 0; i < heads.length; i++) {
      const value = values[i];
      if (value === undefined) throw new CodecError('INVALID_ARGUMENT', `no value for field '${this.#names[i]}'`);
      next = putValue(out, putBytes(out, next, heads[i] as Uint8Array), value, this.#names, i);
    }
    return this.#tail === undefined ? next : putBytes(out, next, this.#tail);
  }
}

const SPACE = 0x20;

/** Up to here a loop is faster than a call out of compiled code, which takes about 40 ns for any length. */
const SHORT = 64;

function putBytes(out: Uint8Array, at: number, bytes: Uint8Array): number {
  const { length } = bytes;
  if (length > SHORT) out.set(bytes, at);
  else {
    if (at + length > out.length) throw noRoom();
    for (let i = 0; i < length; i++) out[at + i] = bytes[i] as number;
  }
  return at + length;
}

/**
 * A string literal that is checked while it is written: the looking costs nothing beside the writing. The field is
 * `names[index]`, which is looked up for messages only.
 */
function putValue(out: Uint8Array, at: number, value: HeaderValue, names: readonly string[], index: number): number {
  const { length } = value;
  if (typeof value !== 'string') {
    checkBytes(names[index], value);
    return putBytes(out, putInteger(out, at, 0, 7, length), value);
  }
  if (length > SHORT) {
    checkValue(names[index], value);
    return putString(out, at, value);
  }
  const start = putInteger(out, at, 0, 7, length);
  if (start + length > out.length) throw noRoom();
  // Negative as soon as one character is not visible ASCII or space; then it is looked at more closely.
  let odd = 0;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    out[start + i] = code;
    odd |= (code - 0x20) | (0x7e - code);
  }
  if (odd < 0 || out[start] === SPACE || out[start + length - 1] === SPACE) checkValue(names[index], value);
  return start + length;
}

function noRoom(): RangeError {
  return new RangeError('no room for the header block');
}

/** A literal up to its value. */
function nameOf(name: string): Uint8Array {
  const block = new Uint8Array(name.length + 2 * MAX_INTEGER);
  const index = indexOfName.get(name);
  if (index !== undefined) return block.subarray(0, putInteger(block, 0, LITERAL_WITHOUT_INDEXING, 4, index));
  block[0] = LITERAL_WITHOUT_INDEXING;
  return block.subarray(0, putString(block, 1, name));
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Bytes of a prefixed integer that counts the characters of a string. */
const MAX_INTEGER = 6;
const NAME = /^:?[!-9;-@[-~]+$/;
const UPPER = /[A-Z]/;
const FORBIDDEN = /[^\t\x20-\x7e\x80-\xff]/;

/** Bytes that were looked at and can be sent. */
const sendable = new WeakSet<Uint8Array>();

function checkBytes(name: string | undefined, value: Uint8Array): void {
  if (sendable.has(value)) return;
  checkValue(name, latin1At(value, 0, value.length));
  sendable.add(value);
}

function checkField(name: string, value: HeaderValue): void {
  if (!NAME.test(name) || UPPER.test(name)) {
    throw new CodecError('INVALID_ARGUMENT', `field name ${JSON.stringify(name)} cannot be sent`);
  }
  if (typeof value === 'string') checkValue(name, value);
  else checkBytes(name, value);
}

function checkValue(name: string | undefined, value: string): void {
  if (FORBIDDEN.test(value) || isBlank(value, 0) || isBlank(value, value.length - 1)) {
    throw new CodecError('INVALID_ARGUMENT', `value of field '${name}' cannot be sent: ${JSON.stringify(value)}`);
  }
}

function isBlank(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code === 0x20 || code === 0x09;
}

function putField(block: Uint8Array, at: number, name: string, value: HeaderValue): number {
  const indexed = typeof value === 'string' ? indexOfField.get(`${name}\n${value}`) : undefined;
  if (indexed !== undefined) return putInteger(block, at, INDEXED, 7, indexed);
  const nameIndex = indexOfName.get(name);
  if (nameIndex !== undefined) {
    return putValue(block, putInteger(block, at, LITERAL_WITHOUT_INDEXING, 4, nameIndex), value, [name], 0);
  }
  block[at] = LITERAL_WITHOUT_INDEXING;
  return putValue(block, putString(block, at + 1, name), value, [name], 0);
}

function putString(block: Uint8Array, at: number, text: string): number {
  const start = putInteger(block, at, 0, 7, text.length);
  // A typed array drops what is written behind its end: silently, and then a block would go out cut.
  if (start + text.length > block.length) throw noRoom();
  putLatin1(text, block, start, 0);
  return start + text.length;
}

/** RFC 7541 section 5.1; `pattern` fills the bits before the prefix. Answers the position behind it. */
function putInteger(block: Uint8Array, at: number, pattern: number, prefixBits: number, value: number): number {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    block[at] = pattern | value;
    return at + 1;
  }
  block[at] = pattern | mask;
  let rest = value - mask;
  let position = at + 1;
  while (rest >= 0x80) {
    block[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  block[position] = rest;
  return position + 1;
}
