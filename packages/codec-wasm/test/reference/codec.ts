/** The oracle behind the package's own interfaces, so that one suite drives both. */
import { CodecError, ERROR_TABLE } from '../../src/errors.js';
import type {
  BaggageView,
  Codec,
  CodecInit,
  ConnectionDecoder,
  ConnectView,
  DecoderInit,
  FrameHandler,
  HeaderBlockView,
  SettingsView,
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
  readonly #headers: ReferenceHeaders;
  readonly #limits: Limits;
  readonly #frames: ReferenceFrames;
  readonly #hpack = new ReferenceHpack();
  #chunk: Uint8Array = new Uint8Array(0);
  #handler: FrameHandler | undefined;
  #failure: CodecError | undefined;

  constructor(codec: CodecInit, init: DecoderInit) {
    this.#limits = limitsOf(init);
    this.#headers = new ReferenceHeaders(codec);
    this.#frames = new ReferenceFrames(this.#limits, (event) => this.#tell(event));
  }

  read(chunk: Uint8Array, handler: FrameHandler): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#chunk = chunk;
    this.#handler = handler;
    try {
      for (const [position, byte] of chunk.entries()) {
        if (this.#failure !== undefined) return;
        this.#frames.feed(byte, position);
      }
    } catch (error) {
      this.#failure = error as CodecError;
      throw error;
    }
  }

  #tell(event: FrameEvent): void {
    const handler = this.#handler as FrameHandler;
    if (event.kind === 'data') {
      const payload =
        event.at === undefined ? this.#chunk.subarray(0, 0) : this.#chunk.subarray(event.at, event.at + 1);
      handler.data(event.streamId, payload, event.flowBytes, event.endStream);
    } else if (event.kind === 'headers') this.#tellBlock(event.streamId, event.block, event.endStream, handler);
    else if (event.kind === 'rst') handler.rstStream(event.streamId, event.errorCode);
    else if (event.kind === 'settings') handler.settings(event.ack, viewOf(event.settings));
    else if (event.kind === 'ping') handler.ping(event.ack, event.payload);
    else if (event.kind === 'goaway') handler.goAway(event.lastStreamId, event.errorCode);
    else if (event.kind === 'window') handler.windowUpdate(event.streamId, event.increment);
    else handler.streamError(event.streamId, ERROR_TABLE[event.violation].http2, event.violation);
  }

  #tellBlock(streamId: number, block: Uint8Array, endStream: boolean, handler: FrameHandler): void {
    const isServer = this.#limits.role === 'server';
    const { fields, refused, violation } = this.#hpack.decode(block, this.#limits.maxHeaderListSize, isServer);
    if (violation !== undefined) {
      handler.streamError(streamId, ERROR_TABLE[violation].http2, violation);
      return;
    }
    this.#headers.fields = fields;
    this.#headers.refused = refused;
    handler.headers(streamId, this.#headers, endStream);
  }

  setHeaderTableSize(bytes: number): void {
    this.#hpack.setLimit(bytes);
  }

  close(): void {
    this.#failure ??= new CodecError('DECODER_CLOSED');
  }
}

function viewOf(settings: readonly [number, number][]): SettingsView {
  const entry = (index: number): [number, number] => settings[index] as [number, number];
  return { count: settings.length, id: (index) => entry(index)[0], value: (index) => entry(index)[1] };
}
