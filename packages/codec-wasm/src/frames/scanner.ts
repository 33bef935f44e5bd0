/**
 * Walks the frames of one connection, cut at any byte. Payload and header fragments are reported as positions in the
 * pushed chunk and passed over by length: their bytes are never read. In TypeScript on purpose: a frame header is nine
 * bytes, and bringing them into wasm costs more than reading them (docs/adr/0002-wasm-boundary.md).
 *
 * A frame goes through three stages, each of which may be cut by the end of a chunk: collect (frame header, then the
 * prefix of the payload that is read here), body (reported by position), skip. Keeps 192 bytes at most.
 */
import { CONNECTION_PREFACE, FRAME_HEADER_SIZE, FrameFlag, FrameType } from '../encode/frames.js';
import type { CodecErrorCode } from '../errors.js';
import { Event, type EventKind } from '../types.js';
import { u24At, u31At, u32At } from './big-endian.js';
import { frameFault, MAX_SETTINGS, prefixLength } from './rules.js';
import { SETTING_SIZE, settingsFault } from './settings.js';

/** What a scan finds beside events: part of a header block, and a broken rule of the connection. */
export const Found = { Fragment: 2, Fault: 10 } as const;
export type FoundKind = EventKind | (typeof Found)[keyof typeof Found];

/** A stage said nothing and the next one follows. */
const GO_ON = -1;

export interface FrameLimits {
  readonly isServer: boolean;
  readonly maxFrameSize: number;
  readonly maxHeaderBlockSize: number;
  readonly maxContinuations: number;
}

/** Between is Header with nothing of it there, SETTINGS seen and no header block open: any frame may follow. */
const Stage = { Preface: 0, Header: 1, Prefix: 2, Body: 3, Skip: 4, Dead: 5, Between: 6 } as const;

const NO_CHUNK = new Uint8Array(0);

/** The frames of one peer. Never throws: a broken rule is found, and nothing is found after it. */
export class FrameScanner {
  // What was found last. Public fields, not accessors: they are read for each frame.
  streamId = 0;
  endStream = false;
  ack = false;
  start = 0;
  end = 0;
  flowBytes = 0;
  /** Error code, increment, or number of SETTINGS entries. */
  value = 0;
  lastStreamId = 0;
  fault: CodecErrorCode | undefined;
  /** Fragment: the block is whole. */
  blockEnd = false;
  /** Prefix of the frame: payload of PING, entries of SETTINGS. */
  readonly collected = new Uint8Array(MAX_SETTINGS * SETTING_SIZE);

  readonly #limits: FrameLimits;
  readonly #maxFrameSize: number;
  #chunk: Uint8Array = NO_CHUNK;
  #position = 0;
  #chunkEnd = 0;
  #stage: number;
  #prefaceSeen = 0;
  #settingsSeen = false;
  #count = 0;
  #needed = FRAME_HEADER_SIZE;
  #length = 0;
  #type = 0;
  #flags = 0;
  #id = 0;
  #bodyLeft = 0;
  #skipLeft = 0;
  /** Bytes of the DATA frame under way that were not reported yet. */
  #flow = 0;
  /** Stream whose header block is open, or 0. */
  #blockStream = 0;
  #blockEndStream = false;
  #blockBytes = 0;
  #continuations = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
    this.#maxFrameSize = limits.maxFrameSize;
    this.#stage = limits.isServer ? Stage.Preface : Stage.Header;
  }

  get isRead(): boolean {
    return this.#position >= this.#chunkEnd;
  }

  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#position = 0;
    this.#chunkEnd = chunk.length;
  }

  /** Forgets the chunk and what was found last. */
  clear(): void {
    this.push(NO_CHUNK);
    this.#forget(0);
  }

  /** The next thing found in the chunk, or None when all of it is read. */
  next(): FoundKind {
    for (;;) {
      const found = this.#step();
      if (found !== GO_ON) return found as FoundKind;
    }
  }

  #step(): number {
    const stage = this.#stage;
    if (stage === Stage.Between || stage === Stage.Header) return this.#readHeader();
    if (stage === Stage.Body) return this.#passBody();
    if (stage === Stage.Skip) return this.#passSkip();
    if (stage === Stage.Prefix) return this.#collect() ? this.#endPrefix(this.collected, 0) : Event.None;
    return stage === Stage.Preface ? this.#matchPreface() : Event.None;
  }

  #refuse(fault: CodecErrorCode): number {
    this.#forget(this.#id);
    this.fault = fault;
    this.#stage = Stage.Dead;
    return Found.Fault;
  }

  #streamError(fault: CodecErrorCode): number {
    this.#forget(this.#id);
    this.fault = fault;
    return Event.StreamError;
  }

  #forget(streamId: number): void {
    this.streamId = streamId;
    this.endStream = false;
    this.ack = false;
    this.start = 0;
    this.end = 0;
    this.flowBytes = 0;
    this.value = 0;
    this.lastStreamId = 0;
    this.fault = undefined;
  }

  /** RFC 9113 section 3.4. Refused at the first wrong byte, so that a peer of another protocol is not waited for. */
  #matchPreface(): number {
    while (this.#prefaceSeen < CONNECTION_PREFACE.length) {
      if (this.#position >= this.#chunkEnd) return Event.None;
      const expected = CONNECTION_PREFACE.charCodeAt(this.#prefaceSeen);
      if (this.#chunk[this.#position] !== expected) return this.#refuse('BAD_PREFACE');
      this.#prefaceSeen++;
      this.#position++;
    }
    this.#stage = Stage.Header;
    return GO_ON;
  }

  /**
   * A DATA frame without padding that is in the chunk whole, which is nearly all there is, by the one test that it breaks
   * no rule. Everything else is left to the table, which takes twice the time.
   */
  passPlainData(): boolean {
    if (this.#stage !== Stage.Between) return false;
    const bytes = this.#chunk;
    const at = this.#position;
    const body = at + FRAME_HEADER_SIZE;
    if (body > this.#chunkEnd || bytes[at + 3] !== FrameType.DATA) return false;
    const flags = bytes[at + 4] as number;
    const length = u24At(bytes, at);
    const end = body + length;
    const isOdd = ((bytes[at + 8] as number) & 1) !== 0;
    if (end > this.#chunkEnd || length > this.#maxFrameSize || !isOdd || (flags & FrameFlag.PADDED) !== 0) return false;
    this.#position = end;
    this.streamId = u31At(bytes, at + 5);
    this.start = body;
    this.end = end;
    this.endStream = (flags & FrameFlag.END_STREAM) !== 0;
    this.flowBytes = length;
    this.value = 0;
    this.fault = undefined;
    return true;
  }

  #readHeader(): number {
    const at = this.#position;
    if (this.#count === 0 && this.#chunkEnd - at >= FRAME_HEADER_SIZE) {
      this.#position = at + FRAME_HEADER_SIZE;
      return this.#beginFrame(this.#chunk, at);
    }
    this.#stage = Stage.Header;
    this.#needed = FRAME_HEADER_SIZE;
    return this.#collect() ? this.#beginFrame(this.collected, 0) : Event.None;
  }

  /** Moves up to `#needed` bytes together; false when some are still to come. */
  #collect(): boolean {
    while (this.#count < this.#needed) {
      if (this.#position >= this.#chunkEnd) return false;
      this.collected[this.#count++] = this.#chunk[this.#position++] as number;
    }
    this.#count = 0;
    return true;
  }

  #beginFrame(bytes: Uint8Array, at: number): number {
    const length = u24At(bytes, at);
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    const streamId = u31At(bytes, at + 5);
    this.#length = length;
    this.#type = type;
    this.#flags = flags;
    this.#id = streamId;

    const fault = this.#headerFault(type, flags, streamId, length);
    if (fault !== undefined) {
      if (fault !== 'PRIORITY_LENGTH') return this.#refuse(fault);
      this.#skip(length);
      return this.#streamError(fault);
    }
    this.#settingsSeen = true;
    this.#needed = prefixLength(type, flags, length);
    if (this.#needed === 0) return this.#endPrefix(bytes, at);
    this.#stage = Stage.Prefix;
    return GO_ON;
  }

  #headerFault(type: number, flags: number, streamId: number, length: number): CodecErrorCode | undefined {
    // Section 3.4, both directions. Checked before the length: what a peer of another protocol says is not a long frame.
    if (!this.#settingsSeen && (type !== FrameType.SETTINGS || (flags & FrameFlag.ACK) !== 0)) {
      return 'FIRST_FRAME_NOT_SETTINGS';
    }
    if (length > this.#maxFrameSize) return 'FRAME_TOO_LARGE';
    if (this.#blockStream !== 0 || type === FrameType.CONTINUATION) {
      const sequence = this.#sequenceFault(type, streamId);
      if (sequence !== undefined) return sequence;
    }
    return frameFault(type, flags, streamId, length);
  }

  #sequenceFault(type: number, streamId: number): CodecErrorCode | undefined {
    if (this.#blockStream === 0) return 'CONTINUATION_UNEXPECTED';
    if (type !== FrameType.CONTINUATION || streamId !== this.#blockStream) return 'CONTINUATION_EXPECTED';
    return this.#continuations >= this.#limits.maxContinuations ? 'CONTINUATION_TOO_MANY' : undefined;
  }

  #skip(length: number): void {
    this.#skipLeft = length;
    this.#stage = Stage.Skip;
  }

  #endPrefix(bytes: Uint8Array, at: number): number {
    const type = this.#type;
    if (type === FrameType.DATA) return this.#beginData(bytes, at);
    if (type === FrameType.HEADERS) return this.#beginHeaders(bytes, at);
    if (type === FrameType.CONTINUATION) return this.#beginContinuation();
    this.#skip(this.#length - this.#needed);
    this.#forget(this.#id);
    if (type === FrameType.WINDOW_UPDATE) return this.#endWindowUpdate();
    if (type === FrameType.SETTINGS) return this.#endSettings();
    if (type === FrameType.RST_STREAM) {
      this.value = u32At(this.collected, 0);
      return Event.RstStream;
    }
    if (type === FrameType.GOAWAY) {
      this.lastStreamId = u31At(this.collected, 0);
      this.value = u32At(this.collected, 4);
      return Event.GoAway;
    }
    this.ack = (this.#flags & FrameFlag.ACK) !== 0;
    return type === FrameType.PING ? Event.Ping : GO_ON;
  }

  /** Splits what follows the prefix into body and padding; false when the padding does not fit. */
  #beginBody(bytes: Uint8Array, at: number): boolean {
    const padding = (this.#flags & FrameFlag.PADDED) !== 0 ? (bytes[at] as number) : 0;
    const body = this.#length - this.#needed - padding;
    this.#bodyLeft = body;
    this.#skipLeft = padding;
    this.#stage = Stage.Body;
    return body >= 0;
  }

  #beginData(bytes: Uint8Array, at: number): number {
    if (!this.#beginBody(bytes, at)) return this.#refuse('DATA_PADDING');
    this.#flow = this.#length;
    return this.#passBody();
  }

  #beginHeaders(bytes: Uint8Array, at: number): number {
    if (!this.#beginBody(bytes, at)) return this.#refuse('HEADERS_PADDING');
    this.#blockStream = this.#id;
    this.#blockEndStream = (this.#flags & FrameFlag.END_STREAM) !== 0;
    this.#blockBytes = 0;
    this.#continuations = 0;
    return this.#growBlock();
  }

  #beginContinuation(): number {
    // The PADDED bit means nothing on CONTINUATION.
    this.#bodyLeft = this.#length;
    this.#skipLeft = 0;
    this.#stage = Stage.Body;
    this.#continuations++;
    return this.#growBlock();
  }

  /** Refused on the announced length: a block that will be too large is not waited for. */
  #growBlock(): number {
    this.#blockBytes += this.#bodyLeft;
    if (this.#blockBytes > this.#limits.maxHeaderBlockSize) return this.#refuse('HEADER_BLOCK_TOO_LARGE');
    return this.#passBody();
  }

  #endSettings(): number {
    const entries = this.#length / SETTING_SIZE;
    const fault = settingsFault(this.collected, entries, this.#limits.isServer);
    if (fault !== undefined) return this.#refuse(fault);
    this.ack = (this.#flags & FrameFlag.ACK) !== 0;
    this.value = entries;
    return Event.Settings;
  }

  /** RFC 9113 section 6.9: an increment of zero costs the stream, or the connection when it is the connection's. */
  #endWindowUpdate(): number {
    this.value = u31At(this.collected, 0);
    if (this.value !== 0) return Event.WindowUpdate;
    return this.#id !== 0 ? this.#streamError('STREAM_WINDOW_UPDATE_ZERO') : this.#refuse('WINDOW_UPDATE_ZERO');
  }

  /** Reports the part of the body that this chunk holds. An empty body is reported too: it may end something. */
  #passBody(): number {
    if (this.#position === this.#chunkEnd && this.#bodyLeft > 0) return Event.None;
    if (this.#type === FrameType.DATA) return this.#passData();
    return this.#endFragment(this.#passPart());
  }

  #passData(): FoundKind {
    const last = this.#passPart();
    this.endStream = last && (this.#flags & FrameFlag.END_STREAM) !== 0;
    this.flowBytes = this.#flow;
    this.#flow = 0;
    return Event.Data;
  }

  /** Whether it is the last part. */
  #passPart(): boolean {
    const left = this.#bodyLeft;
    const from = this.#position;
    const available = this.#chunkEnd - from;
    const last = left <= available;
    const to = last ? from + left : this.#chunkEnd;
    this.#position = to;
    this.streamId = this.#id;
    this.start = from;
    this.end = to;
    this.value = 0;
    this.fault = undefined;
    this.#bodyLeft = last ? 0 : left - available;
    if (!last) this.#stage = Stage.Body;
    else if (this.#skipLeft > 0) this.#stage = Stage.Skip;
    else this.#stage = this.#blockStream === 0 ? Stage.Between : Stage.Header;
    return last;
  }

  #endFragment(last: boolean): number {
    this.blockEnd = last && (this.#flags & FrameFlag.END_HEADERS) !== 0;
    this.endStream = this.blockEnd && this.#blockEndStream;
    if (this.blockEnd) {
      this.#blockStream = 0;
      if (this.#stage === Stage.Header) this.#stage = Stage.Between;
    }
    return Found.Fragment;
  }

  #passSkip(): number {
    const taken = Math.min(this.#skipLeft, this.#chunkEnd - this.#position);
    this.#position += taken;
    this.#skipLeft -= taken;
    if (this.#skipLeft > 0) return Event.None;
    this.#stage = this.#blockStream === 0 ? Stage.Between : Stage.Header;
    return GO_ON;
  }
}
