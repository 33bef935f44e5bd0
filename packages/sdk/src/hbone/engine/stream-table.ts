/** The open streams of one connection, and what the numbers of all others mean (RFC 9113 section 5.1.1). */
import { ErrorCode, ProtocolViolation } from './error-code.js';
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

  /** The open stream, undefined for a closed one. Throws for an idle one, which only a request may name. */
  open(id: number, frame: string): EngineStream | undefined {
    const stream = this.find(id);
    if (stream === 'idle') {
      throw new ProtocolViolation(ErrorCode.PROTOCOL_ERROR, `${frame} on idle stream ${id} (RFC 9113 section 5.1)`);
    }
    return stream === 'closed' ? undefined : stream;
  }

  remove(stream: EngineStream): void {
    this.#open.delete(stream.id);
  }

  /** A copy: whoever walks it may end streams on the way. */
  all(): EngineStream[] {
    return [...this.#open.values()];
  }
}
