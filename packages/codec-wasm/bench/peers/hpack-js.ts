/** hpack.js, the HPACK codec of the spdy package, used as its README says. */
import hpack from 'hpack.js';
import { TABLE_SIZE } from '../corpus/connect-blocks.js';

export interface Field {
  readonly name: string;
  readonly value: string;
}

/** Decodes blocks of one connection, in order. */
export function createHpackJsDecoder(): (block: Buffer) => Field[] {
  const decompressor = hpack.decompressor.create({ table: { maxSize: TABLE_SIZE } });
  return (block) => {
    decompressor.write(block);
    decompressor.execute();
    const fields: Field[] = [];
    for (let field = decompressor.read(); field !== null; field = decompressor.read()) fields.push(field);
    return fields;
  };
}

export interface OutgoingField extends Field {
  readonly incremental: boolean;
  readonly huffman: boolean;
}

/** Encodes blocks of one connection, in order; answers the block in the pieces that the stream gives. */
export function createHpackJsEncoder(): (fields: OutgoingField[]) => Uint8Array[] {
  const compressor = hpack.compressor.create({ table: { maxSize: TABLE_SIZE } });
  return (fields) => {
    compressor.write(fields);
    const parts: Uint8Array[] = [];
    for (let part = compressor.read(); part !== null; part = compressor.read()) parts.push(part);
    return parts;
  };
}
