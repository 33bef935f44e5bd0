/** A frame header, or the prefix of a payload, put together from as many chunks as it takes. */
import type { Chunk } from './chunk.js';
import { MAX_SETTINGS } from './rules.js';
import { SETTING_SIZE } from './settings.js';

export class Gathered {
  /** As long as the longest prefix: the entries of SETTINGS. */
  readonly bytes = new Uint8Array(MAX_SETTINGS * SETTING_SIZE);
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Takes from the chunk until there are `needed` bytes; false when some are still to come. */
  fill(chunk: Chunk, needed: number): boolean {
    while (this.#count < needed) {
      if (chunk.at >= chunk.end) return false;
      this.bytes[this.#count++] = chunk.bytes[chunk.at++] as number;
    }
    this.#count = 0;
    return true;
  }
}
