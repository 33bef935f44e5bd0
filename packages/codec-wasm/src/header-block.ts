/**
 * Reads the fields of the last decoded header block. The regions it reads serve all decoders of a codec, so it holds
 * the number of the block it belongs to and refuses to show another's fields.
 */
import { Layout, Memory } from './abi.js';
import { type BaggageRegion, type Generation, WasmBaggageView } from './baggage.js';
import { CodecError } from './errors.js';
import type { Instance } from './instance.js';
import { latin1At } from './text.js';
import type { BaggageView, ConnectView, HeaderBlockView, TargetKind } from './types.js';

export class WasmHeaderBlock implements HeaderBlockView {
  readonly #instance: Instance;
  readonly #names: readonly string[];
  readonly #generation: Generation;
  readonly #connect: WasmConnectView;
  readonly #baggage: BaggageRegion;
  #born = -1;

  /** `names` are the host's; wasm may know more, which are no business of the host. */
  constructor(instance: Instance, names: readonly string[], generation: Generation) {
    this.#instance = instance;
    this.#names = names;
    this.#generation = generation;
    this.#connect = new WasmConnectView(instance, generation);
    this.#baggage = { instance, at: Memory.BLOCK_BAGGAGE, textAt: 0, generation };
  }

  /** Decodes the block that lies at `source` and shows it from now on; answers the fault or 0. */
  decode(slot: number, source: number, length: number): number {
    this.#born = ++this.#generation.current;
    return this.#instance.exports.decodeBlock(slot, source, length);
  }

  get count(): number {
    return this.#word(Memory.BLOCK_RESULT + Layout.RESULT_COUNT);
  }

  get refused(): boolean {
    return this.#word(Memory.BLOCK_RESULT + Layout.RESULT_REFUSED) !== 0;
  }

  nameId(index: number): number {
    const id = this.#instance.words[this.#field(index) >> 2] as number;
    return id < this.#names.length ? id : -1;
  }

  name(index: number): string {
    const field = this.#field(index);
    const { bytes, words } = this.#instance;
    const known = this.#names[words[field >> 2] as number];
    return known ?? latin1At(bytes, words[(field >> 2) + 1] as number, words[(field >> 2) + 2] as number);
  }

  value(index: number): string {
    const field = this.#field(index) >> 2;
    const { bytes, words } = this.#instance;
    const start = (words[field + 1] as number) + (words[field + 2] as number);
    return latin1At(bytes, start, words[field + 3] as number);
  }

  find(nameId: number, from = 0): number {
    const { count } = this;
    for (let index = from; index < count; index++) {
      if (this.nameId(index) === nameId) return index;
    }
    return -1;
  }

  baggage(): BaggageView {
    this.#check();
    this.#instance.exports.readBlockBaggage();
    return new WasmBaggageView(this.#baggage);
  }

  connect(): ConnectView {
    this.#check();
    this.#instance.exports.readConnect();
    return this.#connect.show();
  }

  #field(index: number): number {
    if (!(index >= 0 && index < this.count)) {
      throw new CodecError('INVALID_ARGUMENT', `field ${index} of a block of ${this.count}`);
    }
    return Memory.FIELDS + index * Layout.FIELD_SIZE;
  }

  #word(address: number): number {
    this.#check();
    return this.#instance.words[address >> 2] as number;
  }

  #check(): void {
    if (this.#generation.current !== this.#born) throw new CodecError('STALE_VIEW', 'header block');
  }
}

/** A cursor: one object per decoder, so that reading a CONNECT makes none. */
class WasmConnectView implements ConnectView {
  readonly #instance: Instance;
  readonly #generation: Generation;
  #born = -1;

  constructor(instance: Instance, generation: Generation) {
    this.#instance = instance;
    this.#generation = generation;
  }

  show(): this {
    this.#born = this.#generation.current;
    return this;
  }

  get kind(): TargetKind {
    return this.#word(Layout.RESULT_KIND) as TargetKind;
  }

  get ipv4(): number {
    return this.#word(Layout.RESULT_IPV4) >>> 0;
  }

  get port(): number {
    return this.#word(Layout.RESULT_PORT);
  }

  get host(): string {
    return latin1At(this.#instance.bytes, this.#word(Layout.RESULT_HOST), this.#word(Layout.RESULT_HOST_LENGTH));
  }

  get peerId(): number {
    this.#check();
    return this.#instance.doubles[(Memory.BLOCK_RESULT + Layout.RESULT_PEER) >> 3] as number;
  }

  #word(offset: number): number {
    this.#check();
    return this.#instance.words[(Memory.BLOCK_RESULT + offset) >> 2] as number;
  }

  #check(): void {
    if (this.#generation.current !== this.#born) throw new CodecError('STALE_VIEW', 'CONNECT');
  }
}
