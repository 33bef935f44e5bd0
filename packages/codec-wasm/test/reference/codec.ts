/** The oracle behind the package's own interfaces, so that one suite drives both. */
import { CodecError, type CodecErrorCode, ERROR_TABLE } from '../../src/errors.js';
import {
  type BaggageView,
  type Codec,
  type CodecInit,
  type ConnectionDecoder,
  type ConnectView,
  type DecoderInit,
  Event,
  type EventKind,
  type HeaderBlockView,
} from '../../src/types.js';
import { readBaggage } from './baggage.js';
import { readConnect } from './connect.js';
import { type FrameEvent, type Limits, ReferenceFrames } from './frames.js';
import { type Field, ReferenceHpack } from './hpack.js';

export function createReferenceCodec(init: CodecInit): Codec {
  return {
    openDecoder: (decoder) => new ReferenceDecoder(init, decoder),
    decodeBaggage: (values) => readBaggage(values, init.baggageKeys),
    readBaggage: (bytes, start, end) => {
      const text = String.fromCharCode(...bytes.subarray(start, end));
      return readBaggage([text], init.baggageKeys);
    },
    resident: new Uint8Array(0),
    simd: false,
    slots: { capacity: Number.POSITIVE_INFINITY, leased: 0 },
  };
}

function limitsOf(init: DecoderInit): Limits {
  return { maxContinuations: 16, maxHeaderBlockSize: init.maxHeaderListSize * 2, ...init };
}

class ReferenceHeaders implements HeaderBlockView {
  fields: readonly Field[] = [];
  refused = false;
  readonly #init: CodecInit;

  constructor(init: CodecInit) {
    this.#init = init;
  }

  get count(): number {
    return this.fields.length;
  }

  nameId(index: number): number {
    return this.#init.headerNames.indexOf(this.name(index));
  }

  name(index: number): string {
    return (this.fields[index] as Field)[0];
  }

  value(index: number): string {
    return (this.fields[index] as Field)[1];
  }

  find(nameId: number, from = 0): number {
    const name = this.#init.headerNames[nameId];
    return this.fields.findIndex((field, index) => index >= from && field[0] === name);
  }

  baggage(): BaggageView {
    const lines = this.fields.filter(([name]) => name === 'baggage').map(([, value]) => value);
    return readBaggage(lines, this.#init.baggageKeys);
  }

  connect(): ConnectView {
    return readConnect(this.fields);
  }
}

class ReferenceDecoder implements ConnectionDecoder {
  readonly headers: ReferenceHeaders;
  readonly #limits: Limits;
  readonly #frames: ReferenceFrames;
  readonly #hpack = new ReferenceHpack();
  #queue: FrameEvent[] = [];
  #failure: CodecError | undefined;
  #current: FrameEvent | undefined;
  #violation: CodecErrorCode | undefined;

  constructor(codec: CodecInit, init: DecoderInit) {
    this.#limits = limitsOf(init);
    this.headers = new ReferenceHeaders(codec);
    this.#frames = new ReferenceFrames(this.#limits, (event) => this.#queue.push(event));
  }

  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      for (const [position, byte] of chunk.entries()) this.#frames.feed(byte, position);
    } catch (error) {
      this.#failure = error as CodecError;
    }
  }

  next(): EventKind {
    const event = this.#queue.shift();
    this.#current = event;
    this.#violation = undefined;
    if (event === undefined) {
      if (this.#failure !== undefined) throw this.#failure;
      return Event.None;
    }
    if (event.kind === Event.Headers) return this.#decode(event.block);
    if (event.kind === Event.StreamError) this.#violation = event.violation;
    return event.kind;
  }

  #decode(block: Uint8Array): EventKind {
    const isServer = this.#limits.role === 'server';
    try {
      const decoded = this.#hpack.decode(block, this.#limits.maxHeaderListSize, isServer);
      this.headers.fields = decoded.fields;
      this.headers.refused = decoded.refused;
      this.#violation = decoded.violation;
    } catch (error) {
      this.#failure = error as CodecError;
      this.#queue = [];
      throw error;
    }
    return this.#violation === undefined ? Event.Headers : Event.StreamError;
  }

  #get<K extends string>(key: K): unknown {
    return (this.#current as Record<string, unknown> | undefined)?.[key];
  }

  get streamId(): number {
    return (this.#get('streamId') as number | undefined) ?? 0;
  }

  get endStream(): boolean {
    return this.#get('endStream') === true;
  }

  get ack(): boolean {
    return this.#get('ack') === true;
  }

  get start(): number {
    return (this.#get('at') as number | undefined) ?? 0;
  }

  get end(): number {
    return this.#get('at') === undefined ? 0 : this.start + 1;
  }

  get flowBytes(): number {
    return this.#get('flowBytes') as number;
  }

  get errorCode(): number {
    return this.#violation === undefined ? (this.#get('errorCode') as number) : ERROR_TABLE[this.#violation].http2;
  }

  get violation(): CodecErrorCode | undefined {
    return this.#violation;
  }

  get increment(): number {
    return this.#get('increment') as number;
  }

  get lastStreamId(): number {
    return this.#get('lastStreamId') as number;
  }

  get pingPayload(): Uint8Array {
    return this.#get('payload') as Uint8Array;
  }

  get #settings(): [number, number][] {
    return this.#get('settings') as [number, number][];
  }

  get settingsCount(): number {
    return this.#settings.length;
  }

  settingId(index: number): number {
    return (this.#settings[index] as [number, number])[0];
  }

  settingValue(index: number): number {
    return (this.#settings[index] as [number, number])[1];
  }

  setHeaderTableSize(bytes: number): void {
    this.#hpack.setLimit(bytes);
  }

  close(): void {
    this.#queue = [];
    this.#failure ??= new CodecError('DECODER_CLOSED');
  }
}
