/**
 * One connection's decoder: hands wasm a window of the received chunk, steps through the records it answers with, and
 * has header blocks decoded when they are reached. Payload stays where it is.
 */
import { Flag, Kind, Layout, Memory, Slot } from './abi.js';
import type { Generation } from './baggage.js';
import { CodecError, type CodecErrorCode, codeOfFault, ERROR_TABLE } from './errors.js';
import { Fragments } from './fragments.js';
import { WasmHeaderBlock } from './header-block.js';
import type { Instance } from './instance.js';
import type { SlotPool } from './slots.js';
import { type ConnectionDecoder, type DecoderInit, Event, type EventKind } from './types.js';

/** Checked and completed `DecoderInit`. */
export type DecoderLimits = Required<DecoderInit>;

/** What decoders of one codec share. */
export interface Shared {
  readonly instance: Instance;
  readonly names: readonly string[];
  readonly pool: SlotPool;
  readonly generation: Generation;
}

const NO_CHUNK = new Uint8Array(0);
/** A word that is always 0, for a decoder that has no record to show. */
const NO_RECORD = 0;
/**
 * Behind a payload that reached beyond the window, the next one is likely to do the same: look at its header only,
 * instead of copying bytes in that will be passed over.
 */
const NARROW_WINDOW = 64;

export class WasmConnectionDecoder implements ConnectionDecoder {
  readonly headers: WasmHeaderBlock;
  readonly #shared: Shared;
  readonly #words: Int32Array;
  readonly #slotNumber: number;
  readonly #slot: number;
  readonly #fragments = new Fragments();
  #chunk: Uint8Array = NO_CHUNK;
  #position = 0;
  /** The last scan passed a payload that its window did not hold. */
  #overshot = false;
  /** Index of the current record's first word. */
  #record = NO_RECORD;
  #next = 0;
  #last = 0;
  #violation: CodecErrorCode | undefined;
  #failure: CodecError | undefined;
  #closed = false;

  constructor(shared: Shared, limits: DecoderLimits) {
    this.#shared = shared;
    this.#words = shared.instance.words;
    this.#slotNumber = shared.pool.lease();
    this.#slot = shared.instance.exports.openSlot(
      this.#slotNumber,
      limits.role === 'server' ? 1 : 0,
      limits.maxFrameSize,
      limits.maxHeaderListSize,
      limits.maxHeaderBlockSize,
      limits.maxContinuations,
    );
    this.headers = new WasmHeaderBlock(shared.instance, shared.names, shared.generation);
  }

  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new CodecError('DECODER_CLOSED');
    if (this.#next < this.#last || this.#position < this.#chunk.length) throw new CodecError('SPAN_UNREAD');
    this.#chunk = chunk;
    this.#position = 0;
  }

  next(): EventKind {
    if (this.#failure !== undefined) throw this.#failure;
    while (!this.#closed) {
      while (this.#next < this.#last) {
        const kind = this.#step();
        if (kind !== Event.None) return kind;
      }
      if (this.#position >= this.#chunk.length) break;
      this.#scan();
    }
    this.#record = NO_RECORD;
    this.#violation = undefined;
    this.#chunk = NO_CHUNK;
    this.#position = 0;
    return Event.None;
  }

  /** Lets wasm look at the next window; leaves what it found in the slot's records. */
  #scan(): void {
    const { bytes, exports } = this.#shared.instance;
    const end = this.#chunk.length;
    const passable = this.#slotWord(Slot.BODY_LEFT) + this.#slotWord(Slot.SKIP_LEFT);
    const start = Math.min(this.#position + passable, end);
    const window = this.#overshot || passable > 0 ? NARROW_WINDOW : Memory.WINDOW_SIZE;
    const length = Math.min(window, end - start);
    bytes.set(this.#chunk.subarray(start, start + length), Memory.WINDOW);
    this.#position = exports.scan(this.#slot, this.#position, start, length, end);
    this.#overshot = this.#position > start + length;
    this.#next = (this.#slot + Slot.RECORDS) >> 2;
    this.#last = this.#next + this.#slotWord(Slot.RECORD_COUNT) * (Layout.RECORD_SIZE >> 2);
  }

  /** Makes the next record current; None when it is settled without an event. */
  #step(): EventKind {
    this.#record = this.#next;
    this.#next += Layout.RECORD_SIZE >> 2;
    this.#violation = undefined;
    const kind = this.#word(0) & 0xff;
    if (kind === Kind.FRAGMENT) return this.#addFragment();
    if (kind === Kind.FAULT) return this.#fail(this.#word(2));
    if (kind === Kind.STREAM_ERROR) this.#violation = codeOfFault(this.#word(2));
    return kind as EventKind;
  }

  #addFragment(): EventKind {
    const start = this.#word(2);
    const end = this.#word(3);
    const { bytes } = this.#shared.instance;
    const isLast = (this.#flags & Flag.BLOCK_END) !== 0;
    if (isLast && this.#fragments.length === 0) {
      bytes.set(this.#chunk.subarray(start, end), Memory.BLOCK_INPUT);
      return this.#decodeBlock(end - start);
    }
    this.#fragments.append(this.#chunk, start, end);
    return isLast ? this.#decodeBlock(this.#fragments.drain(bytes, Memory.BLOCK_INPUT)) : Event.None;
  }

  #decodeBlock(length: number): EventKind {
    const fault = this.headers.decode(this.#slot, length);
    if (fault === 0) return Event.Headers;
    const code = codeOfFault(fault);
    if (ERROR_TABLE[code].scope !== 'stream') return this.#fail(fault);
    this.#violation = code;
    return Event.StreamError;
  }

  #fail(fault: number): never {
    const code = codeOfFault(fault);
    this.#failure = new CodecError(code, this.streamId === 0 ? undefined : `stream ${this.streamId}`);
    this.#record = NO_RECORD;
    this.#chunk = NO_CHUNK;
    throw this.#failure;
  }

  get streamId(): number {
    return this.#word(1);
  }

  get endStream(): boolean {
    return (this.#flags & Flag.END_STREAM) !== 0;
  }

  get ack(): boolean {
    return (this.#flags & Flag.ACK) !== 0;
  }

  get start(): number {
    return this.#word(2);
  }

  get end(): number {
    return this.#word(3);
  }

  get flowBytes(): number {
    return this.#word(4);
  }

  get errorCode(): number {
    if (this.#violation !== undefined) return ERROR_TABLE[this.#violation].http2;
    return this.#word((this.#word(0) & 0xff) === Kind.GOAWAY ? 3 : 2) >>> 0;
  }

  get violation(): CodecErrorCode | undefined {
    return this.#violation;
  }

  get increment(): number {
    return this.#word(2);
  }

  get lastStreamId(): number {
    return this.#word(2);
  }

  get pingPayload(): Uint8Array {
    const start = (this.#record + 2) << 2;
    return this.#shared.instance.bytes.subarray(start, start + 8);
  }

  get settingsCount(): number {
    return this.#word(2);
  }

  settingId(index: number): number {
    const at = this.#setting(index);
    const { bytes } = this.#shared.instance;
    return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  }

  settingValue(index: number): number {
    const at = this.#setting(index) + 2;
    const { bytes } = this.#shared.instance;
    const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    const low = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    return high * 0x10000 + low;
  }

  setHeaderTableSize(bytes: number): void {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > Memory.MAX_TABLE) {
      throw new CodecError('INVALID_ARGUMENT', `header table of ${bytes} bytes, not 0 to ${Memory.MAX_TABLE}`);
    }
    if (!this.#closed) this.#shared.instance.exports.setTableLimit(this.#slot, bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#record = NO_RECORD;
    this.#next = 0;
    this.#last = 0;
    this.#chunk = NO_CHUNK;
    this.#shared.pool.release(this.#slotNumber);
  }

  get #flags(): number {
    return this.#word(0) >> 8;
  }

  #word(index: number): number {
    return this.#words[this.#record + index] as number;
  }

  #slotWord(offset: number): number {
    return this.#words[(this.#slot + offset) >> 2] as number;
  }

  #setting(index: number): number {
    if (!(index >= 0 && index < this.settingsCount)) {
      throw new CodecError('INVALID_ARGUMENT', `setting ${index} of ${this.settingsCount}`);
    }
    return this.#slot + Slot.COLLECT + index * 6;
  }
}
