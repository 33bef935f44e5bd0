/**
 * Frames by RFC 9113 section 6, one byte at a time: a generator that asks for bytes and tells events, so that chunk
 * ends cannot matter. Rules stand where the RFC has them, not in a table.
 */
import { CodecError, type CodecErrorCode } from '../../src/errors.js';
import type { DecoderInit } from '../../src/types.js';

export type Limits = Required<DecoderInit>;

/** What the frames said. Header blocks are still compressed. */
export type FrameEvent =
  | { kind: 'data'; streamId: number; at: number | undefined; flowBytes: number; endStream: boolean }
  | { kind: 'headers'; streamId: number; block: Uint8Array; endStream: boolean }
  | { kind: 'rst'; streamId: number; errorCode: number }
  | { kind: 'settings'; ack: boolean; settings: [id: number, value: number][] }
  | { kind: 'ping'; ack: boolean; payload: Uint8Array }
  | { kind: 'goaway'; lastStreamId: number; errorCode: number }
  | { kind: 'window'; streamId: number; increment: number }
  | { kind: 'stream-error'; streamId: number; violation: CodecErrorCode };

interface Header {
  length: number;
  type: number;
  flags: number;
  streamId: number;
}

/** Bytes of the frame under way that are still to come. */
interface Payload {
  left: number;
}

/** Asks for one byte by yielding. */
type Step<T> = Generator<undefined, T, number>;

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;

function refuse(code: CodecErrorCode): never {
  throw new CodecError(code);
}

function* uint(bytes: number): Step<number> {
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 256 + (yield);
  return value;
}

function* skip(bytes: number): Step<void> {
  for (let i = 0; i < bytes; i++) yield;
}

export class ReferenceFrames {
  readonly #limits: Limits;
  readonly #emit: (event: FrameEvent) => void;
  readonly #steps: Step<void>;
  /** Position of the byte being fed, within its chunk. */
  #position = 0;

  constructor(limits: Limits, emit: (event: FrameEvent) => void) {
    this.#limits = limits;
    this.#emit = emit;
    this.#steps = this.#connection();
    this.#steps.next();
  }

  /** Feeds one byte; throws what the connection dies of. */
  feed(byte: number, position: number): void {
    this.#position = position;
    this.#steps.next(byte);
  }

  *#connection(): Step<void> {
    if (this.#limits.role === 'server') {
      for (const expected of PREFACE) if ((yield) !== expected.charCodeAt(0)) refuse('BAD_PREFACE');
    }
    for (let isFirst = true; ; isFirst = false) yield* this.#frame(isFirst);
  }

  *#header(): Step<Header> {
    const length = yield* uint(3);
    const type = yield* uint(1);
    const flags = yield* uint(1);
    const streamId = (yield* uint(4)) % 2 ** 31;
    return { length, type, flags, streamId };
  }

  *#frame(isFirst: boolean): Step<void> {
    const header = yield* this.#header();
    const { length, type, flags, streamId } = header;
    if (isFirst && (type !== 4 || (flags & ACK) !== 0)) refuse('FIRST_FRAME_NOT_SETTINGS');
    if (length > this.#limits.maxFrameSize) refuse('FRAME_TOO_LARGE');
    if (type === 9) refuse('CONTINUATION_UNEXPECTED');
    if (type === 5) refuse('PUSH_PROMISE_RECEIVED');
    if ([0, 1, 3, 8].includes(type) && streamId % 2 === 0 && streamId !== 0) refuse('STREAM_ID_EVEN');
    if (type === 0) yield* this.#data(header);
    else if (type === 1) yield* this.#headers(header);
    else if (type === 2) yield* this.#priority(header);
    else if (type === 3) yield* this.#rstStream(header);
    else if (type === 4) yield* this.#settings(header);
    else if (type === 6) yield* this.#ping(header);
    else if (type === 7) yield* this.#goAway(header);
    else if (type === 8) yield* this.#windowUpdate(header);
    else yield* skip(length);
  }

  *#data({ length, flags, streamId }: Header): Step<void> {
    if (streamId === 0) refuse('DATA_ON_CONNECTION');
    const payload = { left: length };
    const padding = yield* this.#padLength(payload, flags, 'DATA_PADDING');
    const data = payload.left - padding;
    const endsStream = (flags & END_STREAM) !== 0;
    const kind = 'data';
    if (data === 0) this.#emit({ kind, streamId, at: undefined, flowBytes: length, endStream: endsStream });
    for (let i = 0; i < data; i++) {
      yield;
      const endStream = endsStream && i === data - 1;
      this.#emit({ kind, streamId, at: this.#position, flowBytes: i === 0 ? length : 0, endStream });
    }
    yield* skip(padding);
  }

  *#padLength(payload: Payload, flags: number, code: CodecErrorCode): Step<number> {
    if ((flags & PADDED) === 0) return 0;
    if (payload.left < 1) refuse('FRAME_TOO_SHORT');
    const padding = yield* uint(1);
    payload.left -= 1;
    if (padding > payload.left) refuse(code);
    return padding;
  }

  *#headers({ length, flags, streamId }: Header): Step<void> {
    if (streamId === 0) refuse('HEADERS_ON_CONNECTION');
    const fixed = ((flags & PADDED) !== 0 ? 1 : 0) + ((flags & PRIORITY) !== 0 ? 5 : 0);
    if (length < fixed) refuse('FRAME_TOO_SHORT');
    const padding = (flags & PADDED) !== 0 ? yield* uint(1) : 0;
    if ((flags & PRIORITY) !== 0) yield* skip(5);
    const size = length - fixed - padding;
    if (size < 0) refuse('HEADERS_PADDING');

    const block: number[] = [];
    yield* this.#fragment(block, size);
    const isWhole = (flags & END_HEADERS) !== 0;
    const endStream = (flags & END_STREAM) !== 0;
    if (isWhole) this.#emitBlock(streamId, block, endStream);
    yield* skip(padding);
    if (!isWhole) yield* this.#continuations(streamId, block, endStream);
  }

  *#continuations(streamId: number, block: number[], endStream: boolean): Step<void> {
    for (let count = 1; ; count++) {
      const next = yield* this.#header();
      if (next.length > this.#limits.maxFrameSize) refuse('FRAME_TOO_LARGE');
      if (next.type !== 9 || next.streamId !== streamId) refuse('CONTINUATION_EXPECTED');
      if (count > this.#limits.maxContinuations) refuse('CONTINUATION_TOO_MANY');
      yield* this.#fragment(block, next.length);
      if ((next.flags & END_HEADERS) !== 0) {
        this.#emitBlock(streamId, block, endStream);
        return;
      }
    }
  }

  *#fragment(block: number[], size: number): Step<void> {
    if (block.length + size > this.#limits.maxHeaderBlockSize) refuse('HEADER_BLOCK_TOO_LARGE');
    for (let i = 0; i < size; i++) block.push(yield);
  }

  #emitBlock(streamId: number, block: readonly number[], endStream: boolean): void {
    this.#emit({ kind: 'headers', streamId, block: Uint8Array.from(block), endStream });
  }

  *#priority({ length, streamId }: Header): Step<void> {
    if (streamId === 0) refuse('PRIORITY_ON_CONNECTION');
    if (length !== 5) this.#emit({ kind: 'stream-error', streamId, violation: 'PRIORITY_LENGTH' });
    yield* skip(length);
  }

  *#rstStream({ length, streamId }: Header): Step<void> {
    if (streamId === 0) refuse('RST_STREAM_ON_CONNECTION');
    if (length !== 4) refuse('RST_STREAM_LENGTH');
    this.#emit({ kind: 'rst', streamId, errorCode: yield* uint(4) });
  }

  *#settings({ length, flags, streamId }: Header): Step<void> {
    if (streamId !== 0) refuse('SETTINGS_ON_STREAM');
    if (length % 6 !== 0) refuse('SETTINGS_LENGTH');
    const ack = (flags & ACK) !== 0;
    if (ack && length > 0) refuse('SETTINGS_ACK_LENGTH');
    if (length > 32 * 6) refuse('SETTINGS_TOO_MANY');
    const settings: [number, number][] = [];
    for (let i = 0; i < length / 6; i++) settings.push([yield* uint(2), yield* uint(4)]);
    for (const [id, value] of settings) this.#checkSetting(id, value);
    this.#emit({ kind: 'settings', ack, settings });
  }

  #checkSetting(id: number, value: number): void {
    const isServer = this.#limits.role === 'server';
    if (id === 2 && value !== 0 && !(value === 1 && isServer)) refuse('SETTINGS_ENABLE_PUSH');
    if (id === 4 && value > 2 ** 31 - 1) refuse('SETTINGS_INITIAL_WINDOW_SIZE');
    if (id === 5 && (value < 2 ** 14 || value > 2 ** 24 - 1)) refuse('SETTINGS_MAX_FRAME_SIZE');
  }

  *#ping({ length, flags, streamId }: Header): Step<void> {
    if (streamId !== 0) refuse('PING_ON_STREAM');
    if (length !== 8) refuse('PING_LENGTH');
    const payload = new Uint8Array(8);
    for (let i = 0; i < 8; i++) payload[i] = yield;
    this.#emit({ kind: 'ping', ack: (flags & ACK) !== 0, payload });
  }

  *#goAway({ length, streamId }: Header): Step<void> {
    if (streamId !== 0) refuse('GOAWAY_ON_STREAM');
    if (length < 8) refuse('GOAWAY_LENGTH');
    const lastStreamId = (yield* uint(4)) % 2 ** 31;
    const errorCode = yield* uint(4);
    this.#emit({ kind: 'goaway', lastStreamId, errorCode });
    yield* skip(length - 8);
  }

  *#windowUpdate({ length, streamId }: Header): Step<void> {
    if (length !== 4) refuse('WINDOW_UPDATE_LENGTH');
    const increment = (yield* uint(4)) % 2 ** 31;
    if (increment > 0) this.#emit({ kind: 'window', streamId, increment });
    else if (streamId === 0) refuse('WINDOW_UPDATE_ZERO');
    else this.#emit({ kind: 'stream-error', streamId, violation: 'STREAM_WINDOW_UPDATE_ZERO' });
  }
}
