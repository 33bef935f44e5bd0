/**
 * Reads the fields of the last decoded header block. The regions it reads serve all decoders of a codec, so it holds
 * the number of the block it belongs to and refuses to show another's fields.
 */
import { Layout, Memory } from './abi.js';
import { type Generation, WasmBaggageView } from './baggage.js';
import { CodecError } from './errors.js';
import type { Instance } from './instance.js';
import { latin1At } from './text.js';
import type { BaggageView, HeaderBlockView } from './types.js';

export class WasmHeaderBlock implements HeaderBlockView {
  readonly #instance: Instance;
  readonly #names: readonly string[];
  readonly #generation: Generation;
  #born = -1;

  /** `names` are the host's; wasm may know more, which are no business of the host. */
  constructor(instance: Instance, names: readonly string[], generation: Generation) {
    this.#instance = instance;
    this.#names = names;
    this.#generation = generation;
  }

  /** Decodes the block that lies in BLOCK_INPUT and shows it from now on; answers the fault or 0. */
  decode(slot: number, length: number): number {
    this.#born = ++this.#generation.current;
    return this.#instance.exports.decodeBlock(slot, length);
  }

  get count(): number {
    return this.#word(Memory.BLOCK_RESULT);
  }

  get refused(): boolean {
    return this.#word(Memory.BLOCK_RESULT + 4) !== 0;
  }

  nameId(index: number): number {
    const id = this.#word(this.#field(index));
    return id < this.#names.length ? id : -1;
  }

  name(index: number): string {
    const field = this.#field(index);
    const known = this.#names[this.#word(field)];
    return known ?? latin1At(this.#instance.bytes, this.#word(field + 4), this.#word(field + 8));
  }

  value(index: number): string {
    const field = this.#field(index);
    return latin1At(this.#instance.bytes, this.#word(field + 4) + this.#word(field + 8), this.#word(field + 12));
  }

  find(nameId: number, from = 0): number {
    for (let index = from; index < this.count; index++) {
      if (this.nameId(index) === nameId) return index;
    }
    return -1;
  }

  baggage(): BaggageView {
    this.#word(Memory.BLOCK_RESULT);
    return new WasmBaggageView(this.#instance, Memory.BLOCK_BAGGAGE, this.#generation);
  }

  #field(index: number): number {
    if (!(index >= 0 && index < this.count)) {
      throw new CodecError('INVALID_ARGUMENT', `field ${index} of a block of ${this.count}`);
    }
    return Memory.FIELDS + index * Layout.FIELD_SIZE;
  }

  #word(address: number): number {
    if (this.#generation.current !== this.#born) throw new CodecError('STALE_VIEW', 'header block');
    return this.#instance.words[address >> 2] as number;
  }
}
