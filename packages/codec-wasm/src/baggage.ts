/** Reads the baggage that wasm found, by registered key; a string is made when it is asked for, and only then. */
import { Layout } from './abi.js';
import { CodecError } from './errors.js';
import type { Instance } from './instance.js';
import { latin1At, utf8At } from './text.js';
import type { BaggageView } from './types.js';

/** Counts what is written to one result region, so that a view of an earlier result can tell that it is gone. */
export interface Generation {
  current: number;
}

/** `text` is what was read, when it was a string, and `textAt` its address: a slice is cheaper than a new string. */
export class WasmBaggageView implements BaggageView {
  readonly #instance: Instance;
  readonly #base: number;
  readonly #generation: Generation;
  readonly #text: string;
  readonly #textAt: number;
  #born: number;

  constructor(instance: Instance, base: number, generation: Generation, text = '', textAt = 0) {
    this.#instance = instance;
    this.#base = base >> 2;
    this.#generation = generation;
    this.#born = generation.current;
    this.#text = text;
    this.#textAt = textAt;
  }

  /** Makes this view one of the region's present content. */
  renew(): this {
    this.#born = this.#generation.current;
    return this;
  }

  get present(): readonly [low: number, high: number] {
    return [this.#word(Layout.BAGGAGE_PRESENT) >>> 0, this.#word(Layout.BAGGAGE_PRESENT + 4) >>> 0];
  }

  get malformed(): boolean {
    return this.#word(Layout.BAGGAGE_MALFORMED) !== 0;
  }

  get(keyIndex: number): string | undefined {
    if (!this.#has(keyIndex)) return undefined;
    const { bytes, words } = this.#instance;
    const entry = this.#base + ((Layout.BAGGAGE_VALUES + keyIndex * 8) >> 2);
    const start = words[entry] as number;
    const length = words[entry + 1] as number;
    if ((length & Layout.BAGGAGE_UNESCAPED) !== 0) return utf8At(bytes, start, length ^ Layout.BAGGAGE_UNESCAPED);
    if (this.#text === '') return latin1At(bytes, start, length);
    return this.#text.slice(start - this.#textAt, start - this.#textAt + length);
  }

  length(keyIndex: number): number {
    if (!this.#has(keyIndex)) return 0;
    const length = this.#instance.words[this.#base + ((Layout.BAGGAGE_VALUES + keyIndex * 8 + 4) >> 2)] as number;
    return length & ~Layout.BAGGAGE_UNESCAPED;
  }

  #has(keyIndex: number): boolean {
    if (!(keyIndex >= 0 && keyIndex < 64)) return false;
    const bits = this.#word(Layout.BAGGAGE_PRESENT + (keyIndex >>> 5) * 4);
    return ((bits >>> (keyIndex & 31)) & 1) !== 0;
  }

  #word(offset: number): number {
    if (this.#generation.current !== this.#born) throw new CodecError('STALE_VIEW', 'baggage');
    return this.#instance.words[this.#base + (offset >> 2)] as number;
  }
}
