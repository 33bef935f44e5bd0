/** The open streams of one connection, and what the numbers of all others mean (RFC 9113 section 5.1.1). */
import type { EngineStream } from './stream.js';

/** The last number there is; a connection that reached it opens no more streams. */
export const MAX_STREAM_ID = 2 ** 31 - 1;

export class StreamTable {
  readonly #open = new Map<number, EngineStream>();
  #highestId = 0;

  get size(): number {
    return this.#open.size;
  }

  /** The highest number used so far; clients count 1, 3, 5 ... and nobody else opens streams here. */
  get highestId(): number {
    return this.#highestId;
  }

  add(stream: EngineStream): void {
    this.#open.set(stream.id, stream);
    this.noteUsed(stream.id);
  }

  /** The number is taken, even if no stream came of it. */
  noteUsed(id: number): void {
    this.#highestId = Math.max(this.#highestId, id);
  }

  find(id: number): EngineStream | 'idle' | 'closed' {
    return this.#open.get(id) ?? (id > this.#highestId ? 'idle' : 'closed');
  }

  remove(stream: EngineStream): void {
    this.#open.delete(stream.id);
  }

  /** A copy: whoever walks it may end streams on the way. */
  all(): EngineStream[] {
    return [...this.#open.values()];
  }
}
