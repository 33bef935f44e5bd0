/**
 * Header blocks of one connection on their way into wasm, the one thing that crosses: copied once, or not at all when the
 * chunk lies in resident memory. A block that comes in pieces is gathered here until it is whole.
 */
import { Memory } from './abi.js';
import { type CodecErrorCode, codeOfFault } from './errors.js';
import { Fragments } from './fragments.js';
import type { BlockSink } from './frames/block-sequence.js';
import type { WasmHeaderBlock } from './header-block.js';
import type { Instance } from './instance.js';

/** Bytes of a chunk that are copied with the block in it: making a view of the block alone costs more (50 ns to 20). */
const COPIED_WHOLE = 1024;

export class BlockDecoder implements BlockSink {
  readonly view: WasmHeaderBlock;
  readonly #instance: Instance;
  readonly #slot: number;
  readonly #pieces = new Fragments();

  /** `slot`: where the connection's dynamic table is. */
  constructor(instance: Instance, slot: number, view: WasmHeaderBlock) {
    this.#instance = instance;
    this.#slot = slot;
    this.view = view;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    this.#pieces.append(bytes, start, end);
  }

  decode(bytes: Uint8Array, start: number, end: number): CodecErrorCode | undefined {
    const fault = this.#pieces.length > 0 ? this.#decodePieces(bytes, start, end) : this.#decodeFrom(bytes, start, end);
    return fault === 0 ? undefined : codeOfFault(fault);
  }

  #decodePieces(bytes: Uint8Array, start: number, end: number): number {
    this.#pieces.append(bytes, start, end);
    const length = this.#pieces.drain(this.#instance.bytes, Memory.BLOCK_INPUT);
    return this.view.decode(this.#slot, Memory.BLOCK_INPUT, length);
  }

  #decodeFrom(bytes: Uint8Array, start: number, end: number): number {
    const memory = this.#instance.bytes;
    // Read where it lies when the socket put it into our memory.
    const address = this.#instance.addressOf(bytes);
    if (address >= 0) return this.view.decode(this.#slot, address + start, end - start);
    if (bytes.length <= COPIED_WHOLE) {
      memory.set(bytes, Memory.BLOCK_INPUT);
      return this.view.decode(this.#slot, Memory.BLOCK_INPUT + start, end - start);
    }
    memory.set(bytes.subarray(start, end), Memory.BLOCK_INPUT);
    return this.view.decode(this.#slot, Memory.BLOCK_INPUT, end - start);
  }
}
