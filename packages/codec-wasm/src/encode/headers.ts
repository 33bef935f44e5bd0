/**
 * Header blocks for sending. In TypeScript on purpose: laying out a CONNECT block from a template in JavaScript takes
 * 56 ns where Huffman coding its four values in wasm takes 569 (docs/adr/0002-wasm-boundary.md).
 *
 * Never uses the dynamic table: blocks can be cached, shared by connections and sent in any order, and nothing of a
 * peer's SETTINGS_HEADER_TABLE_SIZE has to be known. No Huffman: mesh headers are short and the link is fast.
 */
import { CodecError } from '../errors.js';
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
 * One header block in HPACK (RFC 7541): fields of the static table by index, all others as literals without indexing,
 * names from the static table by index. Splitting it into HEADERS and CONTINUATION is the caller's.
 *
 * Names must be lower case; values are latin1. Throws `CodecError` INVALID_ARGUMENT on a field that RFC 9113 section
 * 8.2.1 forbids to send, naming the field.
 */
export function encodeHeaderBlock(fields: readonly (readonly [name: string, value: string])[]): Uint8Array {
  let bound = 0;
  for (const [name, value] of fields) {
    checkField(name, value);
    bound += name.length + value.length + 2 * MAX_INTEGER + 1;
  }
  const block = new Uint8Array(bound);
  let at = 0;
  for (const [name, value] of fields) at = putField(block, at, name, value);
  return block.subarray(0, at);
}

/** Bytes of a prefixed integer that counts the characters of a string. */
const MAX_INTEGER = 6;
const NAME = /^:?[!-9;-@[-~]+$/;
const UPPER = /[A-Z]/;
const VALUE = /^(?:[\t\x20-\x7e\x80-\xff]*)$/;
const PADDED = /^[ \t]|[ \t]$/;

function checkField(name: string, value: string): void {
  if (!NAME.test(name) || UPPER.test(name)) {
    throw new CodecError('INVALID_ARGUMENT', `field name ${JSON.stringify(name)} cannot be sent`);
  }
  if (!VALUE.test(value) || PADDED.test(value)) {
    throw new CodecError('INVALID_ARGUMENT', `value of field '${name}' cannot be sent: ${JSON.stringify(value)}`);
  }
}

function putField(block: Uint8Array, at: number, name: string, value: string): number {
  const indexed = indexOfField.get(`${name}\n${value}`);
  if (indexed !== undefined) return putInteger(block, at, INDEXED, 7, indexed);
  const nameIndex = indexOfName.get(name);
  if (nameIndex !== undefined) {
    return putString(block, putInteger(block, at, LITERAL_WITHOUT_INDEXING, 4, nameIndex), value);
  }
  block[at] = LITERAL_WITHOUT_INDEXING;
  return putString(block, putString(block, at + 1, name), value);
}

function putString(block: Uint8Array, at: number, text: string): number {
  const start = putInteger(block, at, 0, 7, text.length);
  for (let i = 0; i < text.length; i++) block[start + i] = text.charCodeAt(i);
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
