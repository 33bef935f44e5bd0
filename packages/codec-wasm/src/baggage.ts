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

/** The text that was read, when it was one, and where it lies in memory: a slice of it is cheaper than a new string. */
export interface Source {
  readonly text: string;
  readonly at: number;
}

const NO_SOURCE: Source = { text: '', at: 0 };

export class WasmBaggageView implements BaggageView {
  readonly #instance: Instance;
  readonly #base: number;
  readonly #generation: Generation;
  readonly #text: string;
  readonly #textAt: number;
  #born: number;

  constructor(instance: Instance, base: number, generation: Generation, { text, at }: Source = NO_SOURCE) {
    this.#instance = instance;
    this.#base = base >> 2;
    this.#generation = generation;
    this.#born = generation.current;
    this.#text = text;
    this.#textAt = at;
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
    const entry = Layout.BAGGAGE_VALUES + keyIndex * 8;
    const start = this.#word(entry);
    const length = this.#word(entry + 4);
    if ((length & Layout.BAGGAGE_UNESCAPED) !== 0) {
      return utf8At(this.#instance.bytes, start, length ^ Layout.BAGGAGE_UNESCAPED);
    }
    const at = start - this.#textAt;
    return this.#text === '' ? latin1At(this.#instance.bytes, start, length) : this.#text.slice(at, at + length);
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
