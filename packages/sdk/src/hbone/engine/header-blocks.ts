/**
 * Header blocks of CONNECTs and their answers, from templates: which fields there are is one of a few shapes, so that
 * all but the values is encoded once. Values that stay the same for a workload come as bytes that are kept with it.
 *
 * Bounds: MAX_SHAPES templates in a process; other shapes are encoded field by field. One buffer serves all blocks.
 */
import { createHeaderEncoder, encodeHeaderBlock, type HeaderEncoder, type HeaderValue } from '@isthmus/codec-wasm';
import { HEADER } from '../../wire/headers.js';
import type { HeaderField } from '../types.js';

/** Single, outer and inner CONNECTs with and without baggage, 200 with and without it, and as many that users make. */
const MAX_SHAPES = 16;
/** More than headers of the mesh need; longer ones make it grow. */
const ROOM = 4_096;

interface Shape {
  /** What the message is: its first field, whose value is always the same. */
  readonly first: HeaderField;
  /** Of the fields behind it. */
  readonly names: readonly string[];
  readonly encoder: HeaderEncoder;
}

const CONNECT: HeaderField = [HEADER.method, 'CONNECT'];
const OK: HeaderField = [HEADER.status, '200'];

const shapes: Shape[] = [];
let room = Buffer.allocUnsafeSlow(ROOM);

/** A CONNECT; the block is lent until the next one is made. Throws what the codec throws on fields that cannot be sent. */
export function connectBlock(authority: string, fields: readonly HeaderField[]): Uint8Array {
  return blockOf(CONNECT, [[HEADER.authority, authority], ...fields]);
}

/** The answer that opens a tunnel; lent and refused as above. */
export function acceptBlock(fields: readonly HeaderField[]): Uint8Array {
  return blockOf(OK, fields);
}

/** An answer with any status: rare, so that no template is kept. */
export function answerBlock(status: number, fields: readonly HeaderField[]): Uint8Array {
  return encodeHeaderBlock([[HEADER.status, String(status)], ...fields]);
}

function blockOf(first: HeaderField, fields: readonly HeaderField[]): Uint8Array {
  const shape = findShape(first, fields) ?? addShape(first, fields);
  if (!shape) return encodeHeaderBlock([first, ...fields]);
  const values: HeaderValue[] = [];
  let length = 0;
  for (const field of fields) {
    values.push(field[1]);
    length += field[1].length;
  }
  const bound = shape.encoder.bound(length);
  if (bound > room.length) room = Buffer.allocUnsafeSlow(bound * 2);
  return room.subarray(0, shape.encoder.write(room, 0, values));
}

/** Loops, because it is done for each tunnel. */
function findShape(first: HeaderField, fields: readonly HeaderField[]): Shape | undefined {
  for (const shape of shapes) {
    if (shape.first === first && hasNames(fields, shape.names)) return shape;
  }
  return undefined;
}

function hasNames(fields: readonly HeaderField[], names: readonly string[]): boolean {
  if (fields.length !== names.length) return false;
  for (let index = 0; index < names.length; index++) {
    if (fields[index]?.[0] !== names[index]) return false;
  }
  return true;
}

/** Undefined when there are enough. Throws on names that cannot be sent, so that no shape has one. */
function addShape(first: HeaderField, fields: readonly HeaderField[]): Shape | undefined {
  if (shapes.length === MAX_SHAPES) return undefined;
  const names = fields.map(([name]) => name);
  const shape = {
    first,
    names,
    encoder: createHeaderEncoder([first, ...names.map((name) => [name, undefined] as const)]),
  };
  shapes.push(shape);
  return shape;
}
