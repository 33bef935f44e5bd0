/**
 * Walks the frames of one connection, cut at any byte, and tells a handler what they say. Payload and header fragments are
 * passed over by length: their bytes are never read. In TypeScript on purpose: a frame header is nine bytes, and bringing
 * them into wasm costs more than reading them (docs/adr/0002-wasm-boundary.md).
 *
 * A frame goes through three stages, each of which may be cut by the end of a chunk: gather (frame header, then the
 * prefix of the payload that is read here), body (handed on), skip. Keeps 192 bytes at most.
 */
import { FRAME_HEADER_SIZE, FrameFlag, FrameType } from '../encode/frames.js';
import { type CodecErrorCode, ERROR_TABLE } from '../errors.js';
import type { FrameHandler } from '../types.js';
import { BlockSequence, type BlockSink } from './block-sequence.js';
import { Chunk } from './chunk.js';
import { ControlFrames, tellStreamError } from './control-frames.js';
import { Gathered } from './gathered.js';
import { HeaderCheck } from './header-check.js';
import { OpenFrame } from './open-frame.js';
import { passPlainFrames } from './plain-frames.js';
import { Preface } from './preface.js';

export interface FrameLimits {
  readonly isServer: boolean;
  readonly maxFrameSize: number;
  readonly maxHeaderBlockSize: number;
  readonly maxContinuations: number;
}

/** Between is Header with nothing of it there, SETTINGS seen and no header block open: any frame may follow. */
const Stage = { Preface: 0, Header: 1, Prefix: 2, Body: 3, Skip: 4, Between: 5, Dead: 6 } as const;
type Stage = (typeof Stage)[keyof typeof Stage];

/** The frames of one peer. Nothing is told after a broken rule, nor after `close`. */
export class FrameReader {
  readonly #blocks: BlockSink;
  readonly #maxFrameSize: number;
  readonly #preface = new Preface();
  readonly #block: BlockSequence;
  readonly #control: ControlFrames;
  readonly #check: HeaderCheck;
  readonly #chunk = new Chunk();
  readonly #frame = new OpenFrame();
  /** A frame header that a chunk's end has cut, then the prefix. */
  readonly #gathered = new Gathered();
  #stage: Stage;

  constructor(limits: FrameLimits, blocks: BlockSink) {
    this.#blocks = blocks;
    this.#maxFrameSize = limits.maxFrameSize;
    this.#block = new BlockSequence(limits.maxHeaderBlockSize, limits.maxContinuations);
    this.#check = new HeaderCheck(limits.maxFrameSize, this.#block);
    this.#control = new ControlFrames(this.#gathered.bytes, limits.isServer);
    this.#stage = limits.isServer ? Stage.Preface : Stage.Header;
  }

  /** Stream of the last frame that was not plain; 0 before any. */
  get streamId(): number {
    return this.#frame.streamId;
  }

  /** Reads the chunk to its end. Answers the rule of the connection that its peer broke; there is no more then. */
  read(bytes: Uint8Array, handler: FrameHandler): CodecErrorCode | undefined {
    const chunk = this.#chunk;
    chunk.open(bytes);
    while (chunk.at < chunk.end) {
      const fault = this.#step(handler);
      if (fault === undefined) continue;
      this.close();
      return fault;
    }
    chunk.close();
    return undefined;
  }

  /** May be called by a handler: nothing is told after it. */
  close(): void {
    this.#stage = Stage.Dead;
    this.#chunk.close();
  }

  /** Whatever calls the handler does so last: it may have closed this. */
  #step(handler: FrameHandler): CodecErrorCode | undefined {
    switch (this.#stage) {
      case Stage.Between:
        return this.#passPlain(handler);
      case Stage.Header:
        return this.#readHeader(handler);
      case Stage.Prefix:
        return this.#gathered.fill(this.#chunk, this.#frame.prefix) ? this.#endPrefix(handler) : undefined;
      case Stage.Body:
        return this.#passBody(handler);
      case Stage.Skip:
        return this.#passSkip();
      case Stage.Preface:
        return this.#matchPreface();
      default:
        return undefined;
    }
  }

  #passPlain(handler: FrameHandler): CodecErrorCode | undefined {
    const chunk = this.#chunk;
    if (passPlainFrames(chunk, this.#frame, this.#maxFrameSize, handler)) return this.#beginBody(handler);
    return chunk.at < chunk.end ? this.#readHeader(handler) : undefined;
  }

  #matchPreface(): CodecErrorCode | undefined {
    if (!this.#preface.match(this.#chunk)) return 'BAD_PREFACE';
    if (this.#preface.isWhole) this.#stage = Stage.Header;
    return undefined;
  }

  #readHeader(handler: FrameHandler): CodecErrorCode | undefined {
    const { bytes, at, end } = this.#chunk;
    if (this.#gathered.isEmpty && end - at >= FRAME_HEADER_SIZE) {
      this.#chunk.at = at + FRAME_HEADER_SIZE;
      this.#frame.open(bytes, at);
      return this.#beginFrame(handler);
    }
    this.#stage = Stage.Header;
    if (!this.#gathered.fill(this.#chunk, FRAME_HEADER_SIZE)) return undefined;
    this.#frame.open(this.#gathered.bytes, 0);
    return this.#beginFrame(handler);
  }

  #beginFrame(handler: FrameHandler): CodecErrorCode | undefined {
    const frame = this.#frame;
    const fault = this.#check.faultOf(frame);
    if (fault === 'PRIORITY_LENGTH') {
      this.#skip(frame.length);
      tellStreamError(frame.streamId, fault, handler);
      return undefined;
    }
    if (fault !== undefined) return fault;
    if (frame.prefix === 0) return this.#endPrefix(handler);
    this.#stage = Stage.Prefix;
    return undefined;
  }

  #endPrefix(handler: FrameHandler): CodecErrorCode | undefined {
    const { type, flags, streamId, length, prefix } = this.#frame;
    switch (type) {
      case FrameType.DATA:
        return this.#beginData(handler);
      case FrameType.HEADERS:
        return this.#beginHeaders(handler);
      case FrameType.CONTINUATION:
        return this.#beginContinuation(handler);
      default:
        this.#skip(length - prefix);
        return this.#control.tell(type, flags, streamId, length, handler);
    }
  }

  #beginData(handler: FrameHandler): CodecErrorCode | undefined {
    return this.#frame.split(this.#gathered.bytes) ? this.#beginBody(handler) : 'DATA_PADDING';
  }

  #beginHeaders(handler: FrameHandler): CodecErrorCode | undefined {
    const { streamId, flags } = this.#frame;
    if (!this.#frame.split(this.#gathered.bytes)) return 'HEADERS_PADDING';
    this.#block.begin(streamId, flags);
    return this.#block.grow(this.#frame.bodyLeft) ?? this.#beginBody(handler);
  }

  #beginContinuation(handler: FrameHandler): CodecErrorCode | undefined {
    const frame = this.#frame;
    // The PADDED bit means nothing on CONTINUATION.
    frame.bodyLeft = frame.length;
    frame.skipLeft = 0;
    this.#block.continue();
    return this.#block.grow(frame.length) ?? this.#beginBody(handler);
  }

  #beginBody(handler: FrameHandler): CodecErrorCode | undefined {
    this.#stage = Stage.Body;
    return this.#passBody(handler);
  }

  /** Hands on the part of the body that this chunk holds. An empty body is handed on too: it may end something. */
  #passBody(handler: FrameHandler): CodecErrorCode | undefined {
    const frame = this.#frame;
    const start = this.#chunk.at;
    const part = Math.min(this.#chunk.end - start, frame.bodyLeft);
    if (part === 0 && frame.bodyLeft > 0) return undefined;
    const end = start + part;
    this.#chunk.at = end;
    frame.bodyLeft -= part;
    const last = frame.bodyLeft === 0;
    if (frame.type !== FrameType.DATA) return this.#passFragment(start, end, last, handler);
    if (last) this.#skip(frame.skipLeft);
    const endStream = last && frame.has(FrameFlag.END_STREAM);
    handler.data(frame.streamId, this.#chunk.view(start, end), frame.takeFlow(), endStream);
    return undefined;
  }

  #passFragment(start: number, end: number, last: boolean, handler: FrameHandler): CodecErrorCode | undefined {
    const { bytes } = this.#chunk;
    const whole = last && this.#frame.has(FrameFlag.END_HEADERS);
    if (whole) this.#block.end();
    if (last) this.#skip(this.#frame.skipLeft);
    if (whole) return this.#endBlock(bytes, start, end, handler);
    this.#blocks.append(bytes, start, end);
    return undefined;
  }

  #endBlock(bytes: Uint8Array, start: number, end: number, handler: FrameHandler): CodecErrorCode | undefined {
    const { streamId } = this.#frame;
    const fault = this.#blocks.decode(bytes, start, end);
    if (fault === undefined) handler.headers(streamId, this.#blocks.view, this.#block.endStream);
    else if (ERROR_TABLE[fault].scope === 'stream') tellStreamError(streamId, fault, handler);
    else return fault;
    return undefined;
  }

  #passSkip(): undefined {
    const skipped = Math.min(this.#frame.skipLeft, this.#chunk.end - this.#chunk.at);
    this.#chunk.at += skipped;
    this.#skip(this.#frame.skipLeft - skipped);
  }

  #skip(bytes: number): void {
    this.#frame.skipLeft = bytes;
    if (bytes > 0) this.#stage = Stage.Skip;
    else this.#stage = this.#block.isOpen ? Stage.Header : Stage.Between;
  }
}
