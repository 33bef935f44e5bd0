/**
 * One connection's decoder: reads its frames and has header blocks decoded when they are whole. Payload stays where it is;
 * a header block is the one thing that crosses into wasm, once.
 */
import { Memory } from './abi.js';
import type { Generation } from './baggage.js';
import { CodecError, type CodecErrorCode, codeOfFault, ERROR_TABLE } from './errors.js';
import { Fragments } from './fragments.js';
import { type BlockSink, FrameReader } from './frames/frame-reader.js';
import { WasmHeaderBlock } from './header-block.js';
import type { Instance } from './instance.js';
import type { SlotPool } from './slots.js';
import type { ConnectionDecoder, DecoderInit, FrameHandler } from './types.js';

/** Checked and completed `DecoderInit`. */
export type DecoderLimits = Required<DecoderInit>;

/** What decoders of one codec share. */
export interface Shared {
  readonly instance: Instance;
  readonly names: readonly string[];
  readonly pool: SlotPool;
  readonly generation: Generation;
}

/** Bytes of a chunk that are copied with the block in it: making a view of the block alone costs more (50 ns to 20). */
const COPIED_WHOLE = 1024;

export class WasmConnectionDecoder implements ConnectionDecoder, BlockSink {
  readonly #shared: Shared;
  readonly #slotNumber: number;
  readonly #slot: number;
  readonly #frames: FrameReader;
  readonly #block: WasmHeaderBlock;
  readonly #fragments = new Fragments();
  #reading = false;
  #failure: CodecError | undefined;
  #closed = false;

  constructor(shared: Shared, limits: DecoderLimits) {
    const isServer = limits.role === 'server';
    this.#shared = shared;
    this.#slotNumber = shared.pool.lease();
    this.#slot = shared.instance.exports.openSlot(this.#slotNumber, isServer ? 1 : 0, limits.maxHeaderListSize);
    this.#frames = new FrameReader({ ...limits, isServer }, this);
    this.#block = new WasmHeaderBlock(shared.instance, shared.names, shared.generation);
  }

  read(chunk: Uint8Array, handler: FrameHandler): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new CodecError('DECODER_CLOSED');
    if (this.#reading) throw new CodecError('SPAN_UNREAD');
    this.#reading = true;
    const fault = this.#frames.read(chunk, handler);
    this.#reading = false;
    if (fault !== undefined) this.#fail(fault);
  }

  /** Of the frame reader: gathers a block that comes in pieces, and decodes it when it is whole. */
  fragment(
    streamId: number,
    chunk: Uint8Array,
    start: number,
    end: number,
    last: boolean,
    endStream: boolean,
    handler: FrameHandler,
  ): CodecErrorCode | undefined {
    const pieces = this.#fragments;
    if (!last || pieces.length > 0) pieces.append(chunk, start, end);
    if (!last) return undefined;
    const fault = pieces.length > 0 ? this.#decodePieces() : this.#decodeFrom(chunk, start, end);
    if (fault === 0) {
      handler.headers(streamId, this.#block, endStream);
      return undefined;
    }
    const code = codeOfFault(fault);
    const { scope, http2 } = ERROR_TABLE[code];
    if (scope !== 'stream') return code;
    handler.streamError(streamId, http2, code);
    return undefined;
  }

  #decodePieces(): number {
    const length = this.#fragments.drain(this.#shared.instance.bytes, Memory.BLOCK_INPUT);
    return this.#block.decode(this.#slot, Memory.BLOCK_INPUT, length);
  }

  #decodeFrom(chunk: Uint8Array, start: number, end: number): number {
    const { instance } = this.#shared;
    // Read where it lies when the socket put it into our memory.
    const address = instance.addressOf(chunk);
    if (address >= 0) return this.#block.decode(this.#slot, address + start, end - start);
    if (chunk.length <= COPIED_WHOLE) {
      instance.bytes.set(chunk, Memory.BLOCK_INPUT);
      return this.#block.decode(this.#slot, Memory.BLOCK_INPUT + start, end - start);
    }
    instance.bytes.set(chunk.subarray(start, end), Memory.BLOCK_INPUT);
    return this.#block.decode(this.#slot, Memory.BLOCK_INPUT, end - start);
  }

  #fail(code: CodecErrorCode): never {
    const { streamId } = this.#frames;
    this.#failure = new CodecError(code, streamId === 0 ? undefined : `stream ${streamId}`);
    throw this.#failure;
  }

  setHeaderTableSize(bytes: number): void {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > Memory.MAX_TABLE) {
      throw new CodecError('INVALID_ARGUMENT', `header table of ${bytes} bytes, not 0 to ${Memory.MAX_TABLE}`);
    }
    if (!this.#closed) this.#shared.instance.exports.setTableLimit(this.#slot, bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#frames.close();
    this.#shared.pool.release(this.#slotNumber);
  }
}
