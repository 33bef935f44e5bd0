/**
 * The header block under way: HEADERS and the CONTINUATION frames that have to follow it without a frame between
 * (RFC 9113 section 6.10), bounded in frames and in compressed bytes.
 */
import { FrameFlag, FrameType } from '../encode/frames.js';
import type { CodecErrorCode } from '../errors.js';
import type { HeaderBlockView } from '../types.js';

/** Takes header blocks, one after the other, fragment by fragment. */
export interface BlockSink {
  append(bytes: Uint8Array, start: number, end: number): void;
  /** The last fragment, often the only one: decodes the block. Answers the rule that it breaks, else `view` shows it. */
  decode(bytes: Uint8Array, start: number, end: number): CodecErrorCode | undefined;
  readonly view: HeaderBlockView;
}

export class BlockSequence {
  readonly #maxBytes: number;
  readonly #maxContinuations: number;
  /** Stream whose block is open, or 0. */
  #streamId = 0;
  #endStream = false;
  #bytes = 0;
  #continuations = 0;

  constructor(maxBytes: number, maxContinuations: number) {
    this.#maxBytes = maxBytes;
    this.#maxContinuations = maxContinuations;
  }

  get isOpen(): boolean {
    return this.#streamId !== 0;
  }

  /** END_STREAM of the HEADERS frame. */
  get endStream(): boolean {
    return this.#endStream;
  }

  /** The rule that a frame of this type breaks here, or undefined. */
  faultOf(type: number, streamId: number): CodecErrorCode | undefined {
    if (this.#streamId === 0) return type === FrameType.CONTINUATION ? 'CONTINUATION_UNEXPECTED' : undefined;
    if (type !== FrameType.CONTINUATION || streamId !== this.#streamId) return 'CONTINUATION_EXPECTED';
    return this.#continuations >= this.#maxContinuations ? 'CONTINUATION_TOO_MANY' : undefined;
  }

  begin(streamId: number, flags: number): void {
    this.#streamId = streamId;
    this.#endStream = (flags & FrameFlag.END_STREAM) !== 0;
    this.#bytes = 0;
    this.#continuations = 0;
  }

  continue(): void {
    this.#continuations++;
  }

  /** Refused on the announced length: a block that will be too large is not waited for. */
  grow(bytes: number): CodecErrorCode | undefined {
    this.#bytes += bytes;
    return this.#bytes > this.#maxBytes ? 'HEADER_BLOCK_TOO_LARGE' : undefined;
  }

  /** The block is whole. */
  end(): void {
    this.#streamId = 0;
  }
}
