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
  readonly names: readonly string[];
  /** The value of the first field, which says what the message is. */
  readonly first: HeaderValue;
  readonly encoder: HeaderEncoder;
}

const shapes: Shape[] = [];
let room = Buffer.allocUnsafeSlow(ROOM);

/** A CONNECT; the block is lent until the next one is made. Throws what the codec throws on fields that cannot be sent. */
export function connectBlock(authority: string, fields: readonly HeaderField[]): Uint8Array {
  return blockOf([[HEADER.method, 'CONNECT'], [HEADER.authority, authority], ...fields]);
}

/** The answer that opens a tunnel; lent and refused as above. */
export function acceptBlock(fields: readonly HeaderField[]): Uint8Array {
  return blockOf([[HEADER.status, '200'], ...fields]);
}

/** An answer with any status: rare, so that no template is kept. */
export function answerBlock(status: number, fields: readonly HeaderField[]): Uint8Array {
  return encodeHeaderBlock([[HEADER.status, String(status)], ...fields]);
}

function blockOf(fields: readonly HeaderField[]): Uint8Array {
  const shape = shapes.find((known) => hasShape(known, fields)) ?? addShape(fields);
  if (!shape) return encodeHeaderBlock(fields);
  const values = fields.slice(1).map(([, value]) => value);
  const bound = shape.encoder.bound(values.reduce((length, value) => length + value.length, 0));
  if (bound > room.length) room = Buffer.allocUnsafeSlow(bound * 2);
  return room.subarray(0, shape.encoder.write(room, 0, values));
}

function hasShape({ names, first }: Shape, fields: readonly HeaderField[]): boolean {
  return names.length === fields.length && fields[0]?.[1] === first && fields.every(([name], i) => name === names[i]);
}

/** Undefined when there are enough. Throws on names that cannot be sent, so that no shape has one. */
function addShape(fields: readonly HeaderField[]): Shape | undefined {
  const [first] = fields;
  if (!first || shapes.length === MAX_SHAPES) return undefined;
  const encoder = createHeaderEncoder(fields.map(([name, value], i) => [name, i === 0 ? value : undefined]));
  const shape = { names: fields.map(([name]) => name), first: first[1], encoder };
  shapes.push(shape);
  return shape;
}
