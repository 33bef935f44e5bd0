/** One connection's decoder: its slot, its frames and its header blocks, and what may be called when. */
import { Memory } from './abi.js';
import type { Generation } from './baggage.js';
import { BlockDecoder } from './block-decoder.js';
import { CodecError } from './errors.js';
import { FrameReader } from './frames/frame-reader.js';
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

export class WasmConnectionDecoder implements ConnectionDecoder {
  readonly #shared: Shared;
  readonly #slotNumber: number;
  readonly #slot: number;
  readonly #frames: FrameReader;
  /** Within `read`; for ever, once a handler threw. */
  #reading = false;
  #failure: CodecError | undefined;
  #closed = false;

  constructor(shared: Shared, limits: DecoderLimits) {
    const { instance, names, pool, generation } = shared;
    const isServer = limits.role === 'server';
    this.#shared = shared;
    this.#slotNumber = pool.lease();
    this.#slot = instance.exports.openSlot(this.#slotNumber, isServer ? 1 : 0, limits.maxHeaderListSize);
    const view = new WasmHeaderBlock(instance, names, generation);
    this.#frames = new FrameReader({ ...limits, isServer }, new BlockDecoder(instance, this.#slot, view));
  }

  read(chunk: Uint8Array, handler: FrameHandler): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new CodecError('DECODER_CLOSED');
    if (this.#reading) throw new CodecError('SPAN_UNREAD');
    this.#reading = true;
    const fault = this.#frames.read(chunk, handler);
    this.#reading = false;
    if (fault === undefined) return;
    const { streamId } = this.#frames;
    this.#failure = new CodecError(fault, streamId === 0 ? undefined : `stream ${streamId}`);
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
