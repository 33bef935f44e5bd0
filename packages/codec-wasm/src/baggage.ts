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

export class WasmBaggageView implements BaggageView {
  readonly #instance: Instance;
  readonly #base: number;
  readonly #generation: Generation;
  readonly #born: number;

  constructor(instance: Instance, base: number, generation: Generation) {
    this.#instance = instance;
    this.#base = base;
    this.#generation = generation;
    this.#born = generation.current;
  }

  get present(): readonly [low: number, high: number] {
    return [this.#word(Layout.BAGGAGE_PRESENT) >>> 0, this.#word(Layout.BAGGAGE_PRESENT + 4) >>> 0];
  }

  get malformed(): boolean {
    return this.#word(Layout.BAGGAGE_MALFORMED) !== 0;
  }

  get(keyIndex: number): string | undefined {
    if (!(keyIndex >= 0 && keyIndex < 64)) return undefined;
    const bits = this.#word(Layout.BAGGAGE_PRESENT + (keyIndex >>> 5) * 4);
    if (((bits >>> (keyIndex & 31)) & 1) === 0) return undefined;
    const entry = Layout.BAGGAGE_VALUES + keyIndex * 8;
    const start = this.#word(entry);
    const length = this.#word(entry + 4);
    if ((length & Layout.BAGGAGE_UNESCAPED) === 0) return latin1At(this.#instance.bytes, start, length);
    return utf8At(this.#instance.bytes, start, length ^ Layout.BAGGAGE_UNESCAPED);
  }

  #word(offset: number): number {
    if (this.#generation.current !== this.#born) throw new CodecError('STALE_VIEW', 'baggage');
    return this.#instance.words[(this.#base + offset) >> 2] as number;
  }
}
