/**
 * Walks the frames of one connection, cut at any byte, and tells a handler what they say. Payload and header fragments are
 * passed over by length: their bytes are never read. In TypeScript on purpose: a frame header is nine bytes, and bringing
 * them into wasm costs more than reading them (docs/adr/0002-wasm-boundary.md).
 *
 * A frame goes through three stages, each of which may be cut by the end of a chunk: gather (frame header, then the
 * prefix of the payload that is read here), body (handed on), skip. Keeps 192 bytes at most.
 */
import { FRAME_HEADER_SIZE, FrameFlag, FrameType } from '../encode/frames.js';
import type { CodecErrorCode } from '../errors.js';
import type { FrameHandler } from '../types.js';
import { u24At, u31At, u32At } from './big-endian.js';
import { BlockSequence } from './block-sequence.js';
import { ControlFrames, tellStreamError } from './control-frames.js';
import { type ViewClass, viewClassOf } from './payload-view.js';
import { Preface } from './preface.js';
import { frameFault, MAX_SETTINGS, prefixLength } from './rules.js';
import { SETTING_SIZE } from './settings.js';

export interface FrameLimits {
  readonly isServer: boolean;
  readonly maxFrameSize: number;
  readonly maxHeaderBlockSize: number;
  readonly maxContinuations: number;
}

/** Takes header blocks; answers the rule of the connection that a block breaks. */
export interface BlockSink {
  /** A fragment of the block of that stream; with `last` the block is whole. */
  fragment(
    streamId: number,
    chunk: Uint8Array,
    start: number,
    end: number,
    last: boolean,
    endStream: boolean,
    handler: FrameHandler,
  ): CodecErrorCode | undefined;
}

/** Between is Header with nothing of it there, SETTINGS seen and no header block open: any frame may follow. */
const Stage = { Preface: 0, Header: 1, Prefix: 2, Body: 3, Skip: 4, Dead: 5, Between: 6 } as const;

/** Length and type of a WINDOW_UPDATE that breaks no rule of length. */
const PLAIN_WINDOW_UPDATE = (4 << 8) | FrameType.WINDOW_UPDATE;
const WINDOW_UPDATE_SIZE = FRAME_HEADER_SIZE + 4;

const NO_BYTES = new Uint8Array(0);

/** The frames of one peer. Nothing is told after a broken rule, nor after `close`. */
export class FrameReader {
  readonly #blocks: BlockSink;
  readonly #maxFrameSize: number;
  readonly #preface = new Preface();
  readonly #block: BlockSequence;
  readonly #control: ControlFrames;
  /** A frame header or prefix that a chunk's end has cut; then the whole prefix. */
  readonly #gathered = new Uint8Array(MAX_SETTINGS * SETTING_SIZE);
  #gatheredBytes = 0;
  #chunk: Uint8Array = NO_BYTES;
  #at = 0;
  #end = 0;
  /** Of the chunk, once a view of it is wanted. */
  #views: ViewClass | undefined;
  #buffer: ArrayBufferLike = NO_BYTES.buffer;
  #offset = 0;
  #stage: number;
  #settingsSeen = false;
  #length = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Bytes of the prefix of the frame under way. */
  #prefix = 0;
  #bodyLeft = 0;
  #skipLeft = 0;
  /** Bytes of the DATA frame under way that were not told yet. */
  #flow = 0;

  constructor(limits: FrameLimits, blocks: BlockSink) {
    this.#blocks = blocks;
    this.#maxFrameSize = limits.maxFrameSize;
    this.#block = new BlockSequence(limits.maxHeaderBlockSize, limits.maxContinuations);
    this.#control = new ControlFrames(this.#gathered, limits.isServer);
    this.#stage = limits.isServer ? Stage.Preface : Stage.Header;
  }

  /** Stream of the frame that was read last. */
  get streamId(): number {
    return this.#streamId;
  }

  /** Reads the chunk to its end. Answers the rule of the connection that its peer broke; there is no more then. */
  read(chunk: Uint8Array, handler: FrameHandler): CodecErrorCode | undefined {
    this.#chunk = chunk;
    this.#at = 0;
    this.#end = chunk.length;
    while (this.#at < this.#end) {
      const fault = this.#step(handler);
      if (fault === undefined) continue;
      this.close();
      return fault;
    }
    this.#forgetChunk();
    return undefined;
  }

  /** May be called by a handler: nothing is told after it. */
  close(): void {
    this.#stage = Stage.Dead;
    this.#forgetChunk();
  }

  #forgetChunk(): void {
    this.#at = 0;
    this.#end = 0;
    this.#chunk = NO_BYTES;
    this.#views = undefined;
    this.#buffer = NO_BYTES.buffer;
  }

  /** Whatever calls the handler does so last: it may have closed this. */
  #step(handler: FrameHandler): CodecErrorCode | undefined {
    if (this.#stage === Stage.Between) {
      this.#passPlain(handler);
      if (this.#stage !== Stage.Between || this.#at >= this.#end) return undefined;
    }
    switch (this.#stage) {
      case Stage.Between:
      case Stage.Header:
        return this.#readHeader(handler);
      case Stage.Body:
        return this.#passBody(handler);
      case Stage.Skip:
        this.#passSkip();
        return undefined;
      case Stage.Prefix:
        return this.#gather(this.#prefix) ? this.#endPrefix(handler) : undefined;
      default:
        return this.#matchPreface();
    }
  }

  /**
   * Frames of which nearly all there is consists: DATA without padding and WINDOW_UPDATE, each by the few comparisons that
   * it breaks no rule. The first one that is anything else, or cut before its payload, is left to the table, which takes
   * several times as long.
   */
  #passPlain(handler: FrameHandler): void {
    const chunk = this.#chunk;
    const end = this.#end;
    let at = this.#at;
    while (at + FRAME_HEADER_SIZE <= end) {
      const lengthAndType = u32At(chunk, at) | 0;
      const streamId = u31At(chunk, at + 5);
      const flags = chunk[at + 4] as number;
      const body = at + FRAME_HEADER_SIZE;
      if (lengthAndType === PLAIN_WINDOW_UPDATE) {
        if (at + WINDOW_UPDATE_SIZE > end || ((streamId & 1) === 0 && streamId !== 0)) break;
        const increment = u31At(chunk, body);
        if (increment === 0) break;
        at += WINDOW_UPDATE_SIZE;
        this.#at = at;
        handler.windowUpdate(streamId, increment);
      } else {
        const length = lengthAndType >>> 8;
        if ((lengthAndType & 0xff) !== FrameType.DATA || (flags & FrameFlag.PADDED) !== 0) break;
        if (length > this.#maxFrameSize || (streamId & 1) === 0) break;
        at = body + length;
        if (at > end) {
          if (body === end) break;
          this.#cutPlain(streamId, flags, at - end);
          at = end;
        }
        this.#at = at;
        const endStream = (flags & FrameFlag.END_STREAM) !== 0 && this.#stage === Stage.Between;
        handler.data(streamId, this.#view(body, at), length, endStream);
      }
      if (this.#stage !== Stage.Between) return;
    }
  }

  #cutPlain(streamId: number, flags: number, left: number): void {
    this.#streamId = streamId;
    this.#type = FrameType.DATA;
    this.#flags = flags;
    this.#flow = 0;
    this.#bodyLeft = left;
    this.#skipLeft = 0;
    this.#stage = Stage.Body;
  }

  #view(start: number, end: number): Uint8Array {
    const View = this.#views ?? this.#openViews();
    return new View(this.#buffer, this.#offset + start, end - start);
  }

  #openViews(): ViewClass {
    const chunk = this.#chunk;
    this.#buffer = chunk.buffer;
    this.#offset = chunk.byteOffset;
    const views = viewClassOf(chunk);
    this.#views = views;
    return views;
  }

  #matchPreface(): CodecErrorCode | undefined {
    const matched = this.#preface.match(this.#chunk, this.#at);
    if (matched < 0) return 'BAD_PREFACE';
    this.#at += matched;
    if (this.#preface.isWhole) this.#stage = Stage.Header;
    return undefined;
  }

  #readHeader(handler: FrameHandler): CodecErrorCode | undefined {
    const at = this.#at;
    if (this.#gatheredBytes === 0 && this.#end - at >= FRAME_HEADER_SIZE) {
      this.#at = at + FRAME_HEADER_SIZE;
      return this.#beginFrame(this.#chunk, at, handler);
    }
    this.#stage = Stage.Header;
    return this.#gather(FRAME_HEADER_SIZE) ? this.#beginFrame(this.#gathered, 0, handler) : undefined;
  }

  /** Moves that many bytes together; false when some are still to come. */
  #gather(needed: number): boolean {
    while (this.#gatheredBytes < needed) {
      if (this.#at >= this.#end) return false;
      this.#gathered[this.#gatheredBytes++] = this.#chunk[this.#at++] as number;
    }
    this.#gatheredBytes = 0;
    return true;
  }

  #beginFrame(bytes: Uint8Array, at: number, handler: FrameHandler): CodecErrorCode | undefined {
    const length = u24At(bytes, at);
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    const streamId = u31At(bytes, at + 5);
    this.#length = length;
    this.#type = type;
    this.#flags = flags;
    this.#streamId = streamId;

    const fault = this.#headerFault(type, flags, streamId, length);
    if (fault !== undefined) {
      if (fault !== 'PRIORITY_LENGTH') return fault;
      this.#skip(length);
      tellStreamError(streamId, fault, handler);
      return undefined;
    }
    this.#settingsSeen = true;
    this.#prefix = prefixLength(type, flags, length);
    if (this.#prefix === 0) return this.#endPrefix(handler);
    this.#stage = Stage.Prefix;
    return undefined;
  }

  #headerFault(type: number, flags: number, streamId: number, length: number): CodecErrorCode | undefined {
    // Section 3.4, both directions. Checked before the length: what a peer of another protocol says is not a long frame.
    if (!this.#settingsSeen && (type !== FrameType.SETTINGS || (flags & FrameFlag.ACK) !== 0)) {
      return 'FIRST_FRAME_NOT_SETTINGS';
    }
    if (length > this.#maxFrameSize) return 'FRAME_TOO_LARGE';
    return this.#block.faultOf(type, streamId) ?? frameFault(type, flags, streamId, length);
  }

  #endPrefix(handler: FrameHandler): CodecErrorCode | undefined {
    const { DATA, HEADERS, CONTINUATION } = FrameType;
    const type = this.#type;
    if (type === DATA) return this.#beginBody() ? this.#beginData(handler) : 'DATA_PADDING';
    if (type === HEADERS) return this.#beginBody() ? this.#beginHeaders(handler) : 'HEADERS_PADDING';
    if (type === CONTINUATION) return this.#beginContinuation(handler);
    this.#skip(this.#length - this.#prefix);
    return this.#control.tell(type, this.#flags, this.#streamId, this.#length, handler);
  }

  #skip(bytes: number): void {
    this.#skipLeft = bytes;
    if (bytes > 0) this.#stage = Stage.Skip;
    else this.#endFrame();
  }

  #endFrame(): void {
    this.#stage = this.#block.isOpen ? Stage.Header : Stage.Between;
  }

  /** Splits what follows the prefix into body and padding; false when the padding does not fit. */
  #beginBody(): boolean {
    const padding = (this.#flags & FrameFlag.PADDED) !== 0 ? (this.#gathered[0] as number) : 0;
    const body = this.#length - this.#prefix - padding;
    this.#bodyLeft = body;
    this.#skipLeft = padding;
    this.#stage = Stage.Body;
    return body >= 0;
  }

  #beginData(handler: FrameHandler): CodecErrorCode | undefined {
    this.#flow = this.#length;
    return this.#passBody(handler);
  }

  #beginHeaders(handler: FrameHandler): CodecErrorCode | undefined {
    this.#block.begin(this.#streamId, this.#flags);
    return this.#block.grow(this.#bodyLeft) ?? this.#passBody(handler);
  }

  #beginContinuation(handler: FrameHandler): CodecErrorCode | undefined {
    // The PADDED bit means nothing on CONTINUATION.
    this.#bodyLeft = this.#length;
    this.#skipLeft = 0;
    this.#stage = Stage.Body;
    this.#block.continue();
    return this.#block.grow(this.#bodyLeft) ?? this.#passBody(handler);
  }

  /** Hands on the part of the body that this chunk holds. An empty body is handed on too: it may end something. */
  #passBody(handler: FrameHandler): CodecErrorCode | undefined {
    const start = this.#at;
    const available = this.#end - start;
    if (available === 0 && this.#bodyLeft > 0) return undefined;
    const end = start + Math.min(available, this.#bodyLeft);
    this.#at = end;
    this.#bodyLeft -= end - start;
    const last = this.#bodyLeft === 0;
    if (this.#type !== FrameType.DATA) return this.#passFragment(start, end, last, handler);
    if (last) this.#skip(this.#skipLeft);
    const flow = this.#flow;
    this.#flow = 0;
    const endStream = last && (this.#flags & FrameFlag.END_STREAM) !== 0;
    handler.data(this.#streamId, this.#view(start, end), flow, endStream);
    return undefined;
  }

  #passFragment(start: number, end: number, last: boolean, handler: FrameHandler): CodecErrorCode | undefined {
    const whole = last && (this.#flags & FrameFlag.END_HEADERS) !== 0;
    const { endStream } = this.#block;
    if (whole) this.#block.end();
    if (last) this.#skip(this.#skipLeft);
    return this.#blocks.fragment(this.#streamId, this.#chunk, start, end, whole, endStream, handler);
  }

  #passSkip(): void {
    const skipped = Math.min(this.#skipLeft, this.#end - this.#at);
    this.#at += skipped;
    this.#skip(this.#skipLeft - skipped);
  }
}
