/**
 * One connection's decoder: steps through its frames and has header blocks decoded when they are whole. Payload stays
 * where it is; a header block is the one thing that crosses into wasm, once.
 */
import { Memory } from './abi.js';
import type { Generation } from './baggage.js';
import { CodecError, type CodecErrorCode, codeOfFault, ERROR_TABLE } from './errors.js';
import { Fragments } from './fragments.js';
import { Found, FrameScanner } from './frames/scanner.js';
import { settingIdAt, settingValueAt } from './frames/settings.js';
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

/** Bytes of a chunk that are copied with the block in it: making a view of the block alone costs more (50 ns to 20). */
const COPIED_WHOLE = 1024;

export class WasmConnectionDecoder implements ConnectionDecoder {
  readonly headers: WasmHeaderBlock;
  readonly #shared: Shared;
  readonly #slotNumber: number;
  readonly #slot: number;
  readonly #frames: FrameScanner;
  readonly #fragments = new Fragments();
  #chunk: Uint8Array | undefined;
  #failure: CodecError | undefined;
  #closed = false;

  constructor(shared: Shared, limits: DecoderLimits) {
    const isServer = limits.role === 'server';
    this.#shared = shared;
    this.#slotNumber = shared.pool.lease();
    this.#slot = shared.instance.exports.openSlot(this.#slotNumber, isServer ? 1 : 0, limits.maxHeaderListSize);
    this.#frames = new FrameScanner({ ...limits, isServer });
    this.headers = new WasmHeaderBlock(shared.instance, shared.names, shared.generation);
  }

  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new CodecError('DECODER_CLOSED');
    if (this.#chunk !== undefined && !this.#frames.isRead) throw new CodecError('SPAN_UNREAD');
    this.#chunk = chunk;
    this.#frames.push(chunk);
  }

  next(): EventKind {
    // First what there is most of. After a failure or close there is no chunk, so that neither has to be asked for here.
    if (this.#frames.passPlainData()) return Event.Data;
    if (this.#failure !== undefined) throw this.#failure;
    for (;;) {
      const found = this.#frames.next();
      if (found === Event.Data) return found;
      if (found === Event.None) return this.#endOfChunk();
      if (found === Found.Fault) return this.#fail(this.#frames.fault as CodecErrorCode);
      if (found !== Found.Fragment) return found;
      const kind = this.#addFragment();
      if (kind !== Event.None) return kind;
    }
  }

  #endOfChunk(): EventKind {
    this.#frames.clear();
    this.#chunk = undefined;
    return Event.None;
  }

  #addFragment(): EventKind {
    const { start, end, blockEnd } = this.#frames;
    const chunk = this.#chunk as Uint8Array;
    const { bytes } = this.#shared.instance;
    if (!blockEnd || this.#fragments.length > 0) {
      this.#fragments.append(chunk, start, end);
      if (!blockEnd) return Event.None;
      return this.#decodeBlock(Memory.BLOCK_INPUT, this.#fragments.drain(bytes, Memory.BLOCK_INPUT));
    }
    // Read where it lies when the socket put it into our memory.
    const address = this.#shared.instance.addressOf(chunk);
    if (address >= 0) return this.#decodeBlock(address + start, end - start);
    if (chunk.length <= COPIED_WHOLE) {
      bytes.set(chunk, Memory.BLOCK_INPUT);
      return this.#decodeBlock(Memory.BLOCK_INPUT + start, end - start);
    }
    bytes.set(chunk.subarray(start, end), Memory.BLOCK_INPUT);
    return this.#decodeBlock(Memory.BLOCK_INPUT, end - start);
  }

  #decodeBlock(source: number, length: number): EventKind {
    const fault = this.headers.decode(this.#slot, source, length);
    if (fault === 0) return Event.Headers;
    const code = codeOfFault(fault);
    if (ERROR_TABLE[code].scope !== 'stream') return this.#fail(code);
    this.#frames.fault = code;
    return Event.StreamError;
  }

  #fail(code: CodecErrorCode): never {
    this.#failure = new CodecError(code, this.streamId === 0 ? undefined : `stream ${this.streamId}`);
    this.#endOfChunk();
    throw this.#failure;
  }

  get streamId(): number {
    return this.#frames.streamId;
  }

  get endStream(): boolean {
    return this.#frames.endStream;
  }

  get ack(): boolean {
    return this.#frames.ack;
  }

  get start(): number {
    return this.#frames.start;
  }

  get end(): number {
    return this.#frames.end;
  }

  get flowBytes(): number {
    return this.#frames.flowBytes;
  }

  get errorCode(): number {
    const { fault, value } = this.#frames;
    return fault === undefined ? value : ERROR_TABLE[fault].http2;
  }

  get violation(): CodecErrorCode | undefined {
    return this.#frames.fault;
  }

  get increment(): number {
    return this.#frames.value;
  }

  get lastStreamId(): number {
    return this.#frames.lastStreamId;
  }

  get pingPayload(): Uint8Array {
    return this.#frames.collected.subarray(0, 8);
  }

  get settingsCount(): number {
    return this.#frames.value;
  }

  settingId(index: number): number {
    return settingIdAt(this.#frames.collected, this.#setting(index));
  }

  settingValue(index: number): number {
    return settingValueAt(this.#frames.collected, this.#setting(index));
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
    this.#endOfChunk();
    this.#shared.pool.release(this.#slotNumber);
  }

  #setting(index: number): number {
    if (index >= 0 && index < this.settingsCount) return index;
    throw new CodecError('INVALID_ARGUMENT', `setting ${index} of ${this.settingsCount}`);
  }
}
