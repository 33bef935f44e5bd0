/** The two implementations every vector, property and fuzz case runs against. */
import { createCodec } from '../../src/codec.js';
import type { Codec, DecoderInit } from '../../src/types.js';
import { createReferenceCodec } from '../reference/codec.js';
import { type Entry, logOf } from './log.js';
import { KEYS, NAMES } from './names.js';

const init = { headerNames: NAMES, baggageKeys: KEYS, slots: 4 };

export const wasm: Codec = createCodec(init);
export const reference: Codec = createReferenceCodec(init);

export const subjects: readonly (readonly [name: string, codec: Codec])[] = [
  ['wasm', wasm],
  ['reference', reference],
];

export const LIMITS = { maxFrameSize: 16_384, maxHeaderListSize: 65_536 } as const;

/** Log of one connection from its first byte; the slot is given back whatever happens. */
export function decode(codec: Codec, limits: DecoderInit, chunks: readonly Uint8Array[], tableSize = 4096): Entry[] {
  const decoder = codec.openDecoder(limits);
  try {
    if (tableSize !== 4096) decoder.setHeaderTableSize(tableSize);
    return logOf(decoder, chunks);
  } finally {
    decoder.close();
  }
}
