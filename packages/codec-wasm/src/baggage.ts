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

/** More keys cannot be registered; entries of keys that are not stay zero. */
const MAX_KEYS = 64;

/** Where wasm leaves what it found in baggage of one kind, and where the text lies when it was a string of the host. */
export interface BaggageRegion {
  readonly instance: Instance;
  readonly at: number;
  readonly textAt: number;
  readonly generation: Generation;
}

/** `text` is what was read, when it was a string: a slice of it is cheaper than a new string. */
export class WasmBaggageView implements BaggageView {
  readonly #region: BaggageRegion;
  readonly #text: string | undefined;
  #born: number;

  constructor(region: BaggageRegion, text?: string) {
    this.#region = region;
    this.#text = text;
    this.#born = region.generation.current;
  }

  /** Makes this view one of the region's present content. */
  renew(): this {
    this.#born = this.#region.generation.current;
    return this;
  }

  get present(): readonly [low: number, high: number] {
    const words: [number, number] = [0, 0];
    for (let key = 0; key < MAX_KEYS; key++) {
      if (this.length(key) > 0) words[key >>> 5] = ((words[key >>> 5] as number) | (1 << (key & 31))) >>> 0;
    }
    return words;
  }

  get malformed(): boolean {
    const { instance, at } = this.#fresh();
    return instance.words[(at + Layout.BAGGAGE_MALFORMED) >> 2] !== 0;
  }

  get(keyIndex: number): string | undefined {
    const { instance, at, textAt } = this.#fresh();
    const entry = entryOf(at, keyIndex);
    const length = instance.words[entry + 1] as number;
    if (length === 0) return undefined;
    const start = instance.words[entry] as number;
    if ((length & Layout.BAGGAGE_UNESCAPED) !== 0) {
      return utf8At(instance.bytes, start, length ^ Layout.BAGGAGE_UNESCAPED);
    }
    const text = this.#text;
    if (text === undefined) return latin1At(instance.bytes, start, length);
    return text.slice(start - textAt, start - textAt + length);
  }

  length(keyIndex: number): number {
    const { instance, at } = this.#fresh();
    return (instance.words[entryOf(at, keyIndex) + 1] as number) & ~Layout.BAGGAGE_UNESCAPED;
  }

  #fresh(): BaggageRegion {
    const region = this.#region;
    if (region.generation.current !== this.#born) throw new CodecError('STALE_VIEW', 'baggage');
    return region;
  }
}

/** Index of a key's pointer and length among the words of the memory; both are 0 for a key that there is not. */
function entryOf(at: number, keyIndex: number): number {
  const key = keyIndex >= 0 && keyIndex < MAX_KEYS ? keyIndex : MAX_KEYS;
  return ((at + Layout.BAGGAGE_VALUES) >> 2) + key * 2;
}
