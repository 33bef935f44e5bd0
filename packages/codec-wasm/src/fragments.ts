/**
 * A header block that does not arrive whole, gathered on the host side: over all connections it can take megabytes,
 * which would starve a shared pool in wasm. wasm bounds it (maxHeaderBlockSize) before a byte of it gets here.
 */
const NOTHING = new Uint8Array(0);

export class Fragments {
  #bytes = NOTHING;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(chunk: Uint8Array, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk.subarray(start, end), this.#length);
    this.#length = length;
  }

  /** Moves what was gathered to `target` and forgets it; the memory goes too, since few blocks come in pieces. */
  drain(target: Uint8Array, at: number): number {
    target.set(this.#bytes.subarray(0, this.#length), at);
    const length = this.#length;
    this.#bytes = NOTHING;
    this.#length = 0;
    return length;
  }
}
