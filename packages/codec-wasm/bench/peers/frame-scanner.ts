/**
 * HTTP/2 frames found in chunks by JavaScript alone, as somebody careful would write it for a tunnel: header fields read
 * straight from the chunk, a header cut by its end gathered in nine bytes, payload handed on as a view. Checks what has to
 * be checked for each frame: size, stream, padding, that SETTINGS came first and that no header block is open (RFC 9113
 * sections 3.4, 4.2, 6). Header blocks and SETTINGS entries are handed on unread: the chunks have none.
 */
export interface FrameSink {
  /** Payload of a DATA frame, or the part of it that this chunk has; `flowBytes` once per frame, else 0. */
  data(streamId: number, payload: Uint8Array, flowBytes: number, endStream: boolean): void;
  windowUpdate(streamId: number, increment: number): void;
  control(type: number, streamId: number): void;
}

const HEADER = 9;
const DATA = 0;
const HEADERS = 1;
const CONTINUATION = 9;
const END_HEADERS = 4;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const PADDED = 8;
/** More than a frame that is read as a whole may have before its fields: nothing longer is gathered. */
const MAX_CONTROL = 1024;

export class FrameScanner {
  readonly #sink: FrameSink;
  readonly #maxFrameSize: number;
  /** A frame header, or a whole control frame, that a chunk's end has cut. */
  readonly #cut = new Uint8Array(HEADER + MAX_CONTROL);
  #cutLength = 0;
  #bodyLeft = 0;
  #paddingLeft = 0;
  #streamId = 0;
  #endStream = false;
  #settingsSeen = false;
  /** Stream whose header block is open, or 0. */
  #blockStream = 0;

  constructor(sink: FrameSink, maxFrameSize: number) {
    this.#sink = sink;
    this.#maxFrameSize = maxFrameSize;
  }

  push(chunk: Uint8Array): void {
    let at = this.#goOn(chunk);
    while (at + HEADER <= chunk.length) {
      const length = ((chunk[at] as number) << 16) | ((chunk[at + 1] as number) << 8) | (chunk[at + 2] as number);
      if (length > this.#maxFrameSize) throw new Error('FRAME_SIZE_ERROR: larger than SETTINGS_MAX_FRAME_SIZE');
      const type = chunk[at + 3] as number;
      if (type === DATA) {
        const padded = ((chunk[at + 4] as number) & PADDED) !== 0;
        if (padded && at + HEADER === chunk.length) break;
        at = this.#data(chunk, at, length, padded);
      } else {
        if (length > MAX_CONTROL) throw new Error('FRAME_SIZE_ERROR: control frame');
        if (at + HEADER + length > chunk.length) break;
        this.#control(chunk, at, length, type);
        at += HEADER + length;
      }
    }
    if (at < chunk.length) {
      this.#cut.set(chunk.subarray(at));
      this.#cutLength = chunk.length - at;
    }
  }

  /** Finishes what the chunk before left open; answers where the next frame header begins. */
  #goOn(chunk: Uint8Array): number {
    let at = 0;
    while (this.#cutLength > 0) {
      const missing = this.#need() - this.#cutLength;
      if (missing === 0) {
        this.#takeCut();
        break;
      }
      if (at === chunk.length) return at;
      const taken = Math.min(missing, chunk.length - at);
      this.#cut.set(chunk.subarray(at, at + taken), this.#cutLength);
      this.#cutLength += taken;
      at += taken;
    }
    return this.#body(chunk, at);
  }

  #takeCut(): void {
    const frame = this.#cut.subarray(0, this.#cutLength);
    const length = lengthAt(frame);
    this.#cutLength = 0;
    if (frame[3] === DATA) this.#data(frame, 0, length, ((frame[4] as number) & PADDED) !== 0);
    else this.#control(frame, 0, length, frame[3] as number);
  }

  /** Bytes of the cut frame that have to be there before it can be read. */
  #need(): number {
    if (this.#cutLength < HEADER) return HEADER;
    if (this.#cut[3] === DATA) return HEADER + ((this.#cut[4] as number) & PADDED ? 1 : 0);
    return HEADER + lengthAt(this.#cut);
  }

  #data(chunk: Uint8Array, at: number, length: number, padded: boolean): number {
    const streamId = streamIdAt(chunk, at);
    if (!this.#settingsSeen || this.#blockStream !== 0) throw new Error('PROTOCOL_ERROR: DATA out of turn');
    if ((streamId & 1) === 0) throw new Error('PROTOCOL_ERROR: DATA on a stream that no client opens');
    const padding = padded ? (chunk[at + HEADER] as number) : 0;
    const field = padded ? 1 : 0;
    if (padding + field > length) throw new Error('PROTOCOL_ERROR: padding longer than the frame');
    const start = at + HEADER + field;
    const body = length - field - padding;
    const end = Math.min(start + body, chunk.length);
    const whole = end === start + body;
    const ends = ((chunk[at + 4] as number) & END_STREAM) !== 0;
    this.#sink.data(streamId, chunk.subarray(start, end), length, ends && whole);
    if (whole && end + padding <= chunk.length) return end + padding;
    this.#streamId = streamId;
    this.#endStream = ends;
    this.#bodyLeft = body - (end - start);
    this.#paddingLeft = whole ? padding - (chunk.length - end) : padding;
    return chunk.length;
  }

  #body(chunk: Uint8Array, from: number): number {
    if (this.#bodyLeft === 0 && this.#paddingLeft === 0) return from;
    const end = Math.min(from + this.#bodyLeft, chunk.length);
    if (end > from) {
      this.#bodyLeft -= end - from;
      this.#sink.data(this.#streamId, chunk.subarray(from, end), 0, this.#endStream && this.#bodyLeft === 0);
    }
    const padding = Math.min(this.#paddingLeft, chunk.length - end);
    this.#paddingLeft -= padding;
    return end + padding;
  }

  #control(bytes: Uint8Array, at: number, length: number, type: number): void {
    const streamId = streamIdAt(bytes, at);
    this.#checkTurn(type, streamId, bytes[at + 4] as number);
    if (type === WINDOW_UPDATE) {
      const increment = (u32At(bytes, at + HEADER) & 0x7fffffff) >>> 0;
      if (length !== 4) throw new Error('FRAME_SIZE_ERROR: WINDOW_UPDATE');
      if (increment === 0) throw new Error('PROTOCOL_ERROR: WINDOW_UPDATE of 0');
      this.#sink.windowUpdate(streamId, increment);
      return;
    }
    if (type === PING && length !== 8) throw new Error('FRAME_SIZE_ERROR: PING');
    if (type === RST_STREAM && length !== 4) throw new Error('FRAME_SIZE_ERROR: RST_STREAM');
    if (type === SETTINGS && length % 6 !== 0) throw new Error('FRAME_SIZE_ERROR: SETTINGS');
    if ((type === PING || type === SETTINGS) && streamId !== 0) throw new Error('PROTOCOL_ERROR: stream id');
    this.#sink.control(type, streamId);
  }

  #checkTurn(type: number, streamId: number, flags: number): void {
    if (!this.#settingsSeen && type !== SETTINGS) throw new Error('PROTOCOL_ERROR: SETTINGS has to come first');
    this.#settingsSeen = true;
    if (this.#blockStream !== (type === CONTINUATION ? streamId : 0)) throw new Error('PROTOCOL_ERROR: header block');
    const opens = (type === HEADERS || type === CONTINUATION) && (flags & END_HEADERS) === 0;
    this.#blockStream = opens ? streamId : 0;
  }
}

function lengthAt(bytes: Uint8Array): number {
  return ((bytes[0] as number) << 16) | ((bytes[1] as number) << 8) | (bytes[2] as number);
}

function streamIdAt(bytes: Uint8Array, at: number): number {
  return u32At(bytes, at + 5) & 0x7fffffff;
}

function u32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
