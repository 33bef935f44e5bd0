/** The open streams of one connection, and what the numbers of all others mean (RFC 9113 section 5.1.1). */
import { ErrorCode, ProtocolViolation } from './error-code.js';
import type { EngineStream } from './stream.js';

/** The last number there is; a connection that reached it opens no more streams. */
export const MAX_STREAM_ID = 2 ** 31 - 1;

/** Lists of streams; doubled when there are more streams than lists, as more than 64 on a connection are rare. */
const FIRST_BUCKETS = 64;

/** A hash table whose entries are the streams themselves, and no `Map`, for the reason that `turns.ts` gives. */
export class StreamTable {
  /** The first of each list; the others follow by `nextInTable`. */
  #buckets: (EngineStream | undefined)[] = bucketsOf(FIRST_BUCKETS);
  #size = 0;
  #highestId = 0;

  get size(): number {
    return this.#size;
  }

  /** The highest number used so far; clients count 1, 3, 5 ... and nobody else opens streams here. */
  get highestId(): number {
    return this.#highestId;
  }

  add(stream: EngineStream): void {
    if (this.#size === this.#buckets.length) this.#grow();
    this.#insert(stream);
    this.#size += 1;
    this.noteUsed(stream.id);
  }

  /** The number is taken, even if no stream came of it. */
  noteUsed(id: number): void {
    this.#highestId = Math.max(this.#highestId, id);
  }

  find(id: number): EngineStream | 'idle' | 'closed' {
    let stream = this.#buckets[this.#bucketOf(id)];
    while (stream && stream.id !== id) stream = stream.nextInTable;
    return stream ?? (id > this.#highestId ? 'idle' : 'closed');
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
    const bucket = this.#bucketOf(stream.id);
    const first = this.#buckets[bucket];
    if (first === stream) this.#buckets[bucket] = stream.nextInTable;
    else if (!unlink(first, stream)) return;
    stream.nextInTable = undefined;
    this.#size -= 1;
  }

  /** A copy, in the order they were opened: whoever walks it may end streams on the way. */
  all(): EngineStream[] {
    const streams: EngineStream[] = [];
    for (const first of this.#buckets) {
      for (let stream = first; stream; stream = stream.nextInTable) streams.push(stream);
    }
    return streams.sort((one, other) => one.id - other.id);
  }

  /** Numbers of streams are odd. */
  #bucketOf(id: number): number {
    return (id >>> 1) & (this.#buckets.length - 1);
  }

  #insert(stream: EngineStream): void {
    const bucket = this.#bucketOf(stream.id);
    stream.nextInTable = this.#buckets[bucket];
    this.#buckets[bucket] = stream;
  }

  #grow(): void {
    const streams = this.all();
    this.#buckets = bucketsOf(this.#buckets.length * 2);
    for (const stream of streams) this.#insert(stream);
  }
}

function bucketsOf(count: number): undefined[] {
  return new Array<undefined>(count).fill(undefined);
}

/** False when it is not in the list. */
function unlink(first: EngineStream | undefined, stream: EngineStream): boolean {
  let before = first;
  while (before && before.nextInTable !== stream) before = before.nextInTable;
  if (!before) return false;
  before.nextInTable = stream.nextInTable;
  return true;
}
