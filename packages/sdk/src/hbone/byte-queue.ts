/**
 * Chunks in order, by reference. Bounded by whoever fills it: flow control on one side, `write` answering false on the other.
 *
 * A chunk that waits may hold back far more memory than its own: a peer can put one byte for a reader that has stopped into
 * each record it sends. So what waits and is small is copied, side by side.
 */
import { cut } from './blocks.js';

/** The memory that a waiting chunk may hold back, as a multiple of its length. */
const MAX_HELD_BACK = 4;
const SLAB_BYTES = 4_096;

const NO_SLAB = new Uint8Array(0);
/** Of every queue that is empty, as most of an idle process are. Never written to. */
const NO_CHUNKS: Uint8Array[] = [];

export class ByteQueue {
  #chunks = NO_CHUNKS;
  /** Chunks before this index are gone; the array is trimmed when it pays. */
  #head = 0;
  #length = 0;
  #slab = NO_SLAB;
  /** The slab is filled up to here. */
  #slabEnd = 0;

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#add(chunk);
    this.#length += chunk.length;
  }

  /** `push` for a chunk that will wait. False: it was copied, and its memory is the caller's again. */
  hold(chunk: Uint8Array): boolean {
    if (chunk.buffer.byteLength <= MAX_HELD_BACK * chunk.length) {
      this.push(chunk);
      return true;
    }
    this.#append(chunk);
    return false;
  }

  /** Removes and returns the first chunk, cut to at most `maxBytes`. */
  shift(maxBytes = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head];
    if (!chunk) return undefined;
    if (chunk.length > maxBytes) {
      this.#chunks[this.#head] = cut(chunk, maxBytes);
      this.#length -= maxBytes;
      return cut(chunk, 0, maxBytes);
    }
    this.#head += 1;
    this.#length -= chunk.length;
    if (this.#length === 0) this.clear();
    else if (this.#head >= 64) this.#trim();
    return chunk;
  }

  /** Removes and returns all of it. */
  take(): readonly Uint8Array[] {
    this.#trim();
    const chunks = this.#chunks;
    this.clear();
    return chunks;
  }

  clear(): void {
    this.#chunks = NO_CHUNKS;
    this.#head = 0;
    this.#length = 0;
    this.#slab = NO_SLAB;
    this.#slabEnd = 0;
  }

  /** Without it a queue that never runs empty would keep every chunk it ever held alive. */
  #trim(): void {
    if (this.#head > 0) this.#chunks.splice(0, this.#head);
    this.#head = 0;
  }

  #append(chunk: Uint8Array): void {
    const { length } = chunk;
    if (length === 0) return;
    if (this.#slabEnd + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, length));
      this.#slabEnd = 0;
    }
    const start = this.#slabEnd;
    this.#slab.set(chunk, start);
    this.#slabEnd += length;
    this.#length += length;
    const last = this.#chunks.at(-1);
    // What the last chunk is a view of is known by its memory; it may have been cut since.
    if (start > 0 && last?.buffer === this.#slab.buffer && this.#head < this.#chunks.length) {
      this.#chunks[this.#chunks.length - 1] = this.#slab.subarray(last.byteOffset, this.#slabEnd);
    } else this.#add(this.#slab.subarray(start, this.#slabEnd));
  }

  #add(chunk: Uint8Array): void {
    if (this.#chunks === NO_CHUNKS) this.#chunks = [chunk];
    else this.#chunks.push(chunk);
  }
}
