/**
 * HPACK and the field rules, read straight from RFC 7541 and RFC 9113 section 8: arrays of strings, one function per
 * paragraph, no thought for speed.
 */
import { STATIC_TABLE } from '../../src/encode/static-table.js';
import { CodecError, type CodecErrorCode } from '../../src/errors.js';
import { decodeHuffman } from './huffman.js';

export type Field = readonly [name: string, value: string];

export interface DecodedBlock {
  readonly fields: readonly Field[];
  readonly refused: boolean;
  /** The rule that makes the message malformed, if one does. */
  readonly violation: CodecErrorCode | undefined;
}

/** Reads one block; the table it is given is the only state between blocks. */
class BlockReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    return this.#bytes[this.#at] as number;
  }

  byte(): number {
    if (this.done) throw new CodecError('HPACK_TRUNCATED');
    return this.#bytes[this.#at++] as number;
  }

  /** RFC 7541 section 5.1. */
  integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1;
    let value = this.byte() & mask;
    if (value < mask) return value;
    for (let i = 0; i < 5; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        if (value > 0x7fffffff) throw new CodecError('HPACK_INTEGER');
        return value;
      }
    }
    throw new CodecError('HPACK_INTEGER');
  }

  /** RFC 7541 section 5.2. */
  string(): string {
    if (this.done) throw new CodecError('HPACK_TRUNCATED');
    const huffman = this.peek() >= 0x80;
    const length = this.integer(7);
    if (this.#at + length > this.#bytes.length) throw new CodecError('HPACK_TRUNCATED');
    const raw = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return Array.from(huffman ? decodeHuffman(raw) : raw, (byte) => String.fromCharCode(byte)).join('');
  }
}

const sizeOf = ([name, value]: Field): number => name.length + value.length + 32;

export class ReferenceHpack {
  #limit = 4096;
  #capacity = 4096;
  /** Smallest limit set since the last block that is under the capacity in use. */
  #owed: number | undefined;
  #entries: Field[] = [];

  setLimit(bytes: number): void {
    this.#limit = bytes;
    if (bytes < this.#capacity) this.#owed = Math.min(bytes, this.#owed ?? bytes);
  }

  decode(bytes: Uint8Array, maxListSize: number, isServer: boolean): DecodedBlock {
    const reader = new BlockReader(bytes);
    const fields: Field[] = [];
    this.#readSizeUpdates(reader);
    let size = 0;
    while (!reader.done) {
      const field = this.#readField(reader);
      fields.push(field);
      size += sizeOf(field);
      // Our own bound on what refusing a list may cost, not the RFC's.
      if (size > 8 * maxListSize + 4096) throw new CodecError('HEADER_LIST_TOO_LARGE');
    }
    const refused = size > maxListSize;
    return { fields: refused ? [] : fields, refused, violation: violationOf(fields, isServer, refused) };
  }

  #readSizeUpdates(reader: BlockReader): void {
    while (!reader.done && reader.peek() >> 5 === 0b001) {
      const size = reader.integer(5);
      if (size > this.#limit) throw new CodecError('HPACK_TABLE_UPDATE_TOO_LARGE');
      if (this.#owed !== undefined && size <= this.#owed) this.#owed = undefined;
      this.#capacity = size;
      this.#evict();
    }
    if (this.#owed !== undefined) throw new CodecError('HPACK_TABLE_UPDATE_MISSING');
  }

  #readField(reader: BlockReader): Field {
    const first = reader.peek();
    if (first >= 0b1000_0000) return this.#entry(reader.integer(7));
    if (first >= 0b0100_0000) {
      const field = this.#readLiteral(reader, 6);
      this.#entries.unshift(field);
      this.#evict();
      return field;
    }
    if (first >= 0b0010_0000) throw new CodecError('HPACK_TABLE_UPDATE_LATE');
    return this.#readLiteral(reader, 4);
  }

  #readLiteral(reader: BlockReader, prefixBits: number): Field {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.string() : this.#entry(index)[0];
    return [name, reader.string()];
  }

  #entry(index: number): Field {
    const entry = [...STATIC_TABLE, ...this.#entries][index - 1];
    if (entry === undefined) throw new CodecError('HPACK_INDEX');
    return entry;
  }

  #evict(): void {
    while (this.#entries.reduce((size, entry) => size + sizeOf(entry), 0) > this.#capacity) this.#entries.pop();
  }
}

const CONNECTION_SPECIFIC = ['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'];
const REQUEST = [':method', ':scheme', ':path', ':authority'];
const RESPONSE = [':status'];

/** RFC 9113 sections 8.2 and 8.3; the first broken rule in the order of the fields. */
function violationOf(fields: readonly Field[], isServer: boolean, refused: boolean): CodecErrorCode | undefined {
  const seen: Field[] = [];
  for (const field of fields) {
    const violation = fieldViolation(field) ?? placeViolation(field, seen, isServer ? REQUEST : RESPONSE);
    if (violation !== undefined) return violation;
    seen.push(field);
  }
  const pseudo = new Map(fields.filter(([name]) => name.startsWith(':')));
  if (refused || !isServer || pseudo.size === 0) return undefined;
  const hasTarget = pseudo.has(':scheme') && pseudo.has(':path');
  if (pseudo.get(':method') !== 'CONNECT') {
    return pseudo.has(':method') && hasTarget ? undefined : 'REQUEST_INCOMPLETE';
  }
  return pseudo.has(':scheme') || pseudo.has(':path') ? 'CONNECT_WITH_TARGET' : undefined;
}

function fieldViolation([name, value]: Field): CodecErrorCode | undefined {
  if (!/^:?[^\0- A-Z:\x7f-\xff]*$/.test(name) || name === '') return 'FIELD_NAME_INVALID';
  if (/[\0\r\n]|^[ \t]|[ \t]$/.test(value)) return 'FIELD_VALUE_INVALID';
  if (CONNECTION_SPECIFIC.includes(name) || (name === 'te' && value !== 'trailers')) return 'FIELD_CONNECTION_SPECIFIC';
  if (name.startsWith(':') && ![...REQUEST, ...RESPONSE].includes(name)) return 'PSEUDO_INVALID';
  return undefined;
}

function placeViolation(
  [name]: Field,
  before: readonly Field[],
  allowed: readonly string[],
): CodecErrorCode | undefined {
  if (!name.startsWith(':')) return undefined;
  if (!allowed.includes(name)) return 'PSEUDO_INVALID';
  if (before.some(([earlier]) => earlier === name)) return 'PSEUDO_REPEATED';
  return before.some(([earlier]) => !earlier.startsWith(':')) ? 'PSEUDO_AFTER_REGULAR' : undefined;
}
