/**
 * What goes out on one connection. Control frames are encoded at once and leave first, in order. DATA is cut as late as
 * possible: when the socket takes bytes, streams take turns with one frame each, so a bulk stream delays its neighbours
 * by one frame, and what a reset drops was never encoded.
 */
import {
  FRAME_HEADER_SIZE,
  FrameFlag,
  FrameType,
  goAwaySize,
  PING_SIZE,
  RST_STREAM_SIZE,
  settingsSize,
  WINDOW_UPDATE_SIZE,
  writeFrameHeader,
  writeGoAway,
  writePing,
  writePingAck,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from '@isthmus/codec-wasm';
import { INITIAL_WINDOW, SendWindow } from './flow-control.js';
import { OutputBuffer } from './output.js';
import { Turns, type TurnTaker } from './turns.js';

/**
 * With its header the largest DATA frame fills four TLS records exactly: no record of nine bytes follows, and the cost
 * per frame is spread as far as fairness between streams allows.
 */
const MAX_DATA_BYTES = 65_536 - FRAME_HEADER_SIZE;
/** The peer's SETTINGS_MAX_FRAME_SIZE until it says otherwise (RFC 9113 section 6.5.2). */
const INITIAL_MAX_FRAME_BYTES = 16_384;
/** "Dynamic table size update to 0" (RFC 7541 section 6.3). */
const GIVE_UP_TABLE = Buffer.of(0x20);

/** A stream as the writer sees it. */
export interface DataSource extends TurnTaker {
  readonly id: number;
  /** Bytes that are queued and that the window of the stream allows. */
  readonly sendableBytes: number;
  /** Our direction ends, with nothing queued beyond `bytes` more. */
  endsWithin(bytes: number): boolean;
  /** Moves the next `bytes` (at most `sendableBytes`) to the output and charges the stream's window. */
  takeInto(output: OutputBuffer, bytes: number): void;
  /** The frame is encoded; `ended` when it carried END_STREAM. May queue more. */
  sent(ended: boolean): void;
}

export class FrameWriter {
  /** What the peer lets all streams send together. */
  readonly window = new SendWindow(INITIAL_WINDOW);
  readonly #output = new OutputBuffer();
  /** Streams with something to send. */
  readonly #turns = new Turns<DataSource>();
  readonly #wake: () => void;
  #maxFrameBytes = INITIAL_MAX_FRAME_BYTES;
  #givesUpTable = false;
  #replyBytes = 0;

  /** `wake` is called whenever there may be something new to take. */
  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /** Bytes of answers the peer made us queue and has not let us send. */
  get replyBytes(): number {
    return this.#replyBytes;
  }

  /** The peer's SETTINGS_MAX_FRAME_SIZE. */
  set maxFrameBytes(bytes: number) {
    this.#maxFrameBytes = bytes;
  }

  /**
   * The peer lowered SETTINGS_HEADER_TABLE_SIZE: the next block must open with a table size update, although our
   * encoder never uses the table (RFC 7541 section 4.2; nghttp2 insists).
   */
  giveUpHeaderTable(): void {
    this.#givesUpTable = true;
  }

  preface(bytes: Uint8Array): void {
    this.#output.append(bytes);
    this.#wake();
  }

  settings(entries: readonly (readonly [id: number, value: number])[]): void {
    writeSettings(this.#room(settingsSize(entries.length)), 0, entries);
  }

  settingsAck(): void {
    writeSettingsAck(this.#replyRoom(FRAME_HEADER_SIZE), 0);
  }

  ping(payload: Uint8Array): void {
    writePing(this.#room(PING_SIZE), 0, payload);
  }

  pingAck(payload: Uint8Array): void {
    writePingAck(this.#replyRoom(PING_SIZE), 0, payload);
  }

  windowUpdate(streamId: number, increment: number): void {
    writeWindowUpdate(this.#room(WINDOW_UPDATE_SIZE), 0, streamId, increment);
  }

  rstStream(streamId: number, errorCode: number): void {
    writeRstStream(this.#replyRoom(RST_STREAM_SIZE), 0, streamId, errorCode);
  }

  /** `debug` is for the log of the peer (RFC 9113 section 6.8). */
  goAway(lastStreamId: number, errorCode: number, debug = ''): void {
    const text = Buffer.from(debug);
    writeGoAway(this.#room(goAwaySize(text.length)), 0, lastStreamId, errorCode, text);
  }

  /** HEADERS with a block of `header-blocks.ts`, continued as often as the peer's frame size asks for. */
  headers(streamId: number, encoded: Uint8Array, { endStream }: { readonly endStream: boolean }): void {
    let block = encoded;
    if (this.#givesUpTable) {
      block = Buffer.concat([GIVE_UP_TABLE, block]);
      this.#givesUpTable = false;
    }
    let offset = 0;
    do {
      const part = block.subarray(offset, offset + this.#maxFrameBytes);
      const type = offset === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const ends = endStream && offset === 0 ? FrameFlag.END_STREAM : 0;
      offset += part.length;
      const flags = ends | (offset >= block.length ? FrameFlag.END_HEADERS : 0);
      const room = this.#room(FRAME_HEADER_SIZE + part.length);
      room.set(part, writeFrameHeader(room, 0, part.length, type, flags, streamId));
    } while (offset < block.length);
  }

  /** The stream has data or its end to send, or its window grew. Cheap to repeat. */
  ready(source: DataSource): void {
    this.#turns.add(source);
    this.#wake();
  }

  /** The stream is over: whatever it had queued is not sent. */
  forget(source: DataSource): void {
    this.#turns.remove(source);
  }

  /** Only the window of the connection keeps some stream from sending. */
  get isStarved(): boolean {
    return this.#turns.hasParked && this.window.available <= 0;
  }

  /** The peer's WINDOW_UPDATE of the connection. False: the window would pass 2^31-1. */
  growWindow(increment: number): boolean {
    if (!this.window.grow(increment)) return false;
    this.#turns.unpark();
    this.#wake();
    return true;
  }

  /** Something may be left to take. */
  get pending(): boolean {
    return this.#output.length > 0 || !this.#turns.isEmpty;
  }

  /** Control frames, then DATA until `budget` bytes are gathered (one frame more at most) or no window is left. */
  take(budget: number): Uint8Array[] {
    while (this.#output.length < budget) {
      const source = this.#turns.next();
      if (!source) break;
      this.#takeTurn(source);
    }
    this.#replyBytes = 0;
    return this.#output.take();
  }

  #takeTurn(source: DataSource): void {
    const allowed = Math.min(source.sendableBytes, MAX_DATA_BYTES, this.#maxFrameBytes);
    const bytes = Math.min(allowed, Math.max(0, this.window.available));
    const ends = source.endsWithin(bytes);
    if (bytes === 0 && !ends) {
      // Blocked by its own window it comes back through `ready`; blocked by the connection's, with the others.
      if (allowed > 0) this.#turns.park(source);
      return;
    }
    const flags = ends ? FrameFlag.END_STREAM : 0;
    writeFrameHeader(this.#output.reserve(FRAME_HEADER_SIZE), 0, bytes, FrameType.DATA, flags, source.id);
    this.window.take(bytes);
    source.takeInto(this.#output, bytes);
    source.sent(ends);
    if (!ends && source.sendableBytes > 0) this.#turns.add(source);
  }

  /** Room for a control frame, to be filled at once. */
  #room(bytes: number): Uint8Array {
    this.#wake();
    return this.#output.reserve(bytes);
  }

  /** Room for a frame that the peer made us send. */
  #replyRoom(bytes: number): Uint8Array {
    this.#replyBytes += bytes;
    return this.#room(bytes);
  }
}
