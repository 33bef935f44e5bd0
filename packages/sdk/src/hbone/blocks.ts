/**
 * Memory that bytes are read into, used again when they have been written out. Left to V8 it is garbage outside of its
 * heap, at the rate of the traffic, and every few megabytes of that set off a full collection: half the CPU of a bulk
 * transfer (docs/performance.md). Used again it also stays in the caches of the CPU.
 *
 * Who holds what:
 *
 * 1. A reader lends parts of a block. Whoever is handed one may keep it for ever; its block is then never used again, and
 *    is freed with the last part like any other memory. That is all that users of the SDK have to know.
 * 2. `passOn` says of one chunk that nobody but its next holder reads it any more. Only `pump` says so, of chunks from
 *    where nobody else can have them.
 * 3. The last holder calls `release` when the kernel has the bytes. Of chunks that were not passed on it does nothing.
 *
 * A block is used again when all of it that was lent was released. Free blocks are bounded by `MAX_FREE_BLOCKS`.
 */
export const BLOCK_BYTES = 65_536;

/** 4 MiB that a process keeps when nothing is under way. */
const MAX_FREE_BLOCKS = 64;

const free: Block[] = [];
/** Found by their memory, so that views of views are found too. */
const blocks = new WeakMap<ArrayBufferLike, Block>();

export class Block {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #lentBytes = 0;
  #readerLeft = false;

  private constructor() {
    blocks.set(this.bytes.buffer, this);
  }

  static take(): Block {
    const block = free.pop() ?? new Block();
    block.#readerLeft = false;
    return block;
  }

  lend(start: number, end: number): Uint8Array {
    this.#lentBytes += end - start;
    return this.bytes.subarray(start, end);
  }

  giveBack(bytes: number): void {
    this.#lentBytes -= bytes;
    this.#freeIfUnused();
  }

  /** Nothing more is read into it. */
  leave(): void {
    this.#readerLeft = true;
    this.#freeIfUnused();
  }

  #freeIfUnused(): void {
    if (this.#readerLeft && this.#lentBytes === 0 && free.length < MAX_FREE_BLOCKS) free.push(this);
  }
}

const PASSED_ON = Symbol('block of a chunk that was passed on');
type Chunk = Uint8Array & { [PASSED_ON]?: Block | undefined };

/** The caller was the only holder of the chunk, and ceases to be with what it does next. */
export function passOn(chunk: Chunk): void {
  const block = blockOf(chunk);
  if (block) chunk[PASSED_ON] = block;
}

/** A part of the chunk, as passed on as the whole; parts that overlap break what `passOn` has said. */
export function cut(chunk: Chunk, start: number, end?: number): Uint8Array {
  const part: Chunk = chunk.subarray(start, end);
  const block = chunk[PASSED_ON];
  if (block) part[PASSED_ON] = block;
  return part;
}

export function isPassedOn(chunk: Chunk): boolean {
  return chunk[PASSED_ON] !== undefined;
}

/** The bytes are written or copied: their last holder is done with them. More than once does no harm. */
export function release(chunk: Chunk): void {
  const block = chunk[PASSED_ON];
  if (!block) return;
  chunk[PASSED_ON] = undefined;
  block.giveBack(chunk.length);
}

/** Of a chunk that came from a reader, all but `kept` bytes were looked at and nothing refers to them any more. */
export function releaseUnkept(chunk: Uint8Array, kept: number): void {
  if (kept < chunk.length) blockOf(chunk)?.giveBack(chunk.length - kept);
}

function blockOf(chunk: Uint8Array): Block | undefined {
  // Most chunks are small ones of other memory, and a WeakMap is not free.
  return chunk.buffer.byteLength === BLOCK_BYTES ? blocks.get(chunk.buffer) : undefined;
}
