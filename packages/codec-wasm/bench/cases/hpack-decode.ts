/**
 * Header blocks against hpack.js. The subject is given a whole HEADERS frame and also checks the field rules of RFC 9113
 * and reads the baggage, as it always does; the peer is given the bare block.
 */
import type { Codec, ConnectionDecoder, HeaderBlockView } from '@isthmus/codec-wasm';
import { type Case, type OpenCase, same } from '../case.js';
import { type BlockStream, indexedBlocks, literalBlocks } from '../corpus/connect-blocks.js';
import { frameStream } from '../corpus/frame-streams.js';
import { createHpackJsDecoder, type Field } from '../peers/hpack-js.js';
import { benchCodec, headersFrame, LastBlock, serverDecoder, workloads } from './setting.js';

const last = new LastBlock();

/** A decoder past the opening, with the table as the stream's warm-up leaves it. */
export function warmDecoder(codec: Codec, stream: BlockStream): ConnectionDecoder {
  const decoder = serverDecoder(codec);
  decoder.read(frameStream(100).opening, last);
  for (const block of stream.warm) decoder.read(headersFrame(block), last);
  return decoder;
}

/** One block in, its view out. */
export function decodeOne(decoder: ConnectionDecoder, frame: Uint8Array): HeaderBlockView {
  decoder.read(frame, last);
  return last.take();
}

function fieldsOf(headers: HeaderBlockView): (readonly [string, string])[] {
  return Array.from({ length: headers.count }, (_, index) => [headers.name(index), headers.value(index)] as const);
}

/** Both sides of one connection, and what they do with each block of it. */
export class Connection {
  readonly decoder: ConnectionDecoder;
  readonly decodeByPeer: (block: Buffer) => Field[];
  readonly stream: BlockStream;
  readonly frames: readonly Uint8Array[];
  readonly blocks: readonly Buffer[];

  constructor(codec: Codec, stream: BlockStream) {
    this.stream = stream;
    this.decoder = warmDecoder(codec, stream);
    this.frames = stream.blocks.map(headersFrame);
    this.blocks = stream.blocks.map((block) => Buffer.from(block));
    this.decodeByPeer = createHpackJsDecoder();
    for (const block of stream.warm) this.decodeByPeer(Buffer.from(block));
  }

  verify(): void {
    for (const [index, { fields }] of this.stream.requests.entries()) {
      const headers = decodeOne(this.decoder, this.frames[index] as Uint8Array);
      same(`fields of block ${index}`, fieldsOf(headers), fields);
      const theirs = this.decodeByPeer(this.blocks[index] as Buffer);
      const pairs = theirs.map(({ name, value }) => [name, value]);
      same(`fields of block ${index}`, pairs, fields);
    }
  }
}

function openDecode(streams: readonly BlockStream[]): OpenCase {
  const codec = benchCodec();
  const connections = streams.map((stream) => new Connection(codec, stream));
  for (const connection of connections) connection.verify();

  const subject = () => {
    let sum = 0;
    for (const { decoder, frames } of connections) {
      for (const frame of frames) {
        const headers = decodeOne(decoder, frame);
        const { count } = headers;
        for (let index = 0; index < count; index++) sum += headers.nameId(index) + 1;
      }
    }
    return sum;
  };
  const peer = () => {
    let sum = 0;
    for (const { decodeByPeer, blocks } of connections) {
      for (const block of blocks) {
        for (const { name } of decodeByPeer(block)) sum += name.length;
      }
    }
    return sum;
  };
  return { operations: connections.reduce((sum, { frames }) => sum + frames.length, 0), subject, peer };
}

export const hpackDecodeCases: readonly Case[] = [
  {
    id: 'hpack.decode.literal',
    subject: 'CONNECT block, Huffman literals',
    peer: 'hpack.js',
    open: () => openDecode([literalBlocks(workloads())]),
  },
  {
    id: 'hpack.decode.indexed',
    subject: 'CONNECT block, dynamic table warm',
    peer: 'hpack.js',
    open: () => openDecode(indexedBlocks(workloads())),
  },
];
