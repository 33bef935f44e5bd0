/** Chunks in order, by reference. Bounded by whoever fills it: flow control on one side, `write` answering false on the other. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  /** Chunks before this index are gone; the array is trimmed when it pays. */
  #head = 0;
  #length = 0;

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Removes and returns the first chunk, cut to at most `maxBytes`. */
  shift(maxBytes = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head];
    if (!chunk) return undefined;
    if (chunk.length > maxBytes) {
      this.#chunks[this.#head] = chunk.subarray(maxBytes);
      this.#length -= maxBytes;
      return chunk.subarray(0, maxBytes);
    }
    this.#head += 1;
    this.#length -= chunk.length;
    if (this.#length === 0) this.clear();
    else if (this.#head >= 64) this.#trim();
    return chunk;
  }

  clear(): void {
    if (this.#chunks.length > 0) this.#chunks = [];
    this.#head = 0;
    this.#length = 0;
  }

  /** Without it a queue that never runs empty would keep every chunk it ever held alive. */
  #trim(): void {
    this.#chunks.splice(0, this.#head);
    this.#head = 0;
  }
}
