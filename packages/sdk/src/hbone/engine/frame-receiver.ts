/**
 * What the peer's frames mean: from the codec's calls to windows, settings, streams and the connection's own business.
 * Rules that cost one stream reset it; rules that cost the connection throw a `ProtocolViolation`.
 */
import type { ConnectionDecoder, FrameHandler, HeaderBlockView, SettingsView } from '@isthmus/codec-wasm';
import { type BudgetMeter, TRICKLE_BYTES } from '../limits.js';
import { ErrorCode, ProtocolViolation } from './error-code.js';
import { InboundData } from './inbound-data.js';
import { applySetting, initialPeerSettings, type PeerSettings } from './peer-settings.js';
import type { EngineStream } from './stream.js';
import { canReceive } from './stream-state.js';
import type { StreamTable } from './stream-table.js';
import type { FrameWriter } from './writer.js';

const { FLOW_CONTROL_ERROR, PROTOCOL_ERROR, STREAM_CLOSED } = ErrorCode;

/** What depends on the role, or on the state of the whole connection. */
export interface FrameListener {
  /** HEADERS, of a request, an answer or trailers. */
  headers(id: number, block: HeaderBlockView, endStream: boolean): void;
  /** A frame broke a rule of that stream and is about to cost it; the stream may never have been opened. */
  brokenFrame(id: number): void;
  /** RST_STREAM, before the stream learns of it. */
  reset(stream: EngineStream, errorCode: number): void;
  goAway(lastStreamId: number, errorCode: number): void;
  /** SETTINGS, applied and acknowledged. */
  settings(): void;
  /** A PING of ours was answered; the payload is lent. */
  pong(payload: Uint8Array): void;
}

export interface FrameReceiverInit {
  readonly decoder: ConnectionDecoder;
  readonly streams: StreamTable;
  readonly writer: FrameWriter;
  readonly meter: BudgetMeter;
  readonly connectionWindowBytes: number;
  readonly listener: FrameListener;
}

export class FrameReceiver implements FrameHandler {
  readonly peerSettings: PeerSettings = initialPeerSettings();
  readonly #decoder: ConnectionDecoder;
  readonly #streams: StreamTable;
  readonly #writer: FrameWriter;
  readonly #meter: BudgetMeter;
  readonly #inbound: InboundData;
  readonly #listener: FrameListener;
  #now = 0;
  #closed = false;
  #keptBytes = 0;

  constructor({ decoder, streams, writer, meter, connectionWindowBytes, listener }: FrameReceiverInit) {
    this.#decoder = decoder;
    this.#streams = streams;
    this.#writer = writer;
    this.#meter = meter;
    this.#listener = listener;
    this.#inbound = new InboundData(connectionWindowBytes, streams, writer);
  }

  /**
   * Answers how many of the bytes streams were handed by reference. Throws a `ProtocolViolation` or a `CodecError` when
   * the connection is beyond help.
   */
  receive(bytes: Uint8Array, now: number): number {
    this.#now = now;
    this.#keptBytes = 0;
    // What a frame sets off may close the connection, and with it the decoder, which then calls no more.
    this.#decoder.read(bytes, this);
    // Also those that a user of a stream made of what came.
    this.#checkReplies();
    return this.#keptBytes;
  }

  close(): void {
    this.#closed = true;
    this.#decoder.close();
  }

  /** Bytes of the connection's window that have been read, or never will be. */
  credit(bytes: number): void {
    if (!this.#closed) this.#inbound.credit(bytes);
  }

  /** See `InboundData.exhaustedAt`. */
  get exhaustedAt(): number | undefined {
    return this.#inbound.exhaustedAt;
  }

  /** A frame that means nothing (any more); harmless when few. */
  late(): void {
    this.#meter.spend('lateFrames', this.#now);
  }

  /** Resets one stream for what the peer did on it, and charges the peer for it. */
  resetStream(id: number, errorCode: number): void {
    this.#meter.spend('provokedResets', this.#now);
    const stream = this.#streams.find(id);
    if (typeof stream === 'string') this.#writer.rstStream(id, errorCode);
    else stream.reset(errorCode);
    this.#checkReplies();
  }

  #checkReplies(): void {
    this.#meter.level('queuedReplyBytes', this.#writer.replyBytes);
  }

  // What the codec calls, frame by frame.

  data(streamId: number, payload: Uint8Array, flowBytes: number, endStream: boolean): void {
    const stream = this.#streams.open(streamId, 'DATA');
    if (flowBytes > 0 && !this.#inbound.begin(streamId, flowBytes, this.#now)) {
      throw new ProtocolViolation(FLOW_CONTROL_ERROR, 'more DATA than the window of the connection allows');
    }
    const { length } = payload;
    this.#inbound.show(length);
    if (length === 0 && !endStream) this.#meter.spend('emptyData', this.#now);
    if (!stream) {
      // A stream we reset is still fed by a peer that has not heard of it yet.
      this.#inbound.credit(length);
      return;
    }
    const broken = faultOfData(stream, flowBytes);
    if (broken !== undefined) {
      this.#inbound.credit(length);
      this.resetStream(streamId, broken);
      return;
    }
    this.#keptBytes += length;
    if (length > 0) stream.receive(payload);
    if (endStream) stream.receiveEnd();
  }

  headers(streamId: number, block: HeaderBlockView, endStream: boolean): void {
    this.#listener.headers(streamId, block, endStream);
  }

  goAway(lastStreamId: number, errorCode: number): void {
    this.#listener.goAway(lastStreamId, errorCode);
  }

  streamError(streamId: number, errorCode: number): void {
    this.#listener.brokenFrame(streamId);
    this.resetStream(streamId, errorCode);
  }

  rstStream(id: number, errorCode: number): void {
    const stream = this.#streams.open(id, 'RST_STREAM');
    if (!stream) {
      this.late();
      return;
    }
    this.#listener.reset(stream, errorCode);
    stream.receiveReset(errorCode);
  }

  settings(ack: boolean, entries: SettingsView): void {
    if (ack) return;
    this.#meter.spend('settings', this.#now);
    const before = { ...this.peerSettings };
    for (let index = 0; index < entries.count; index++) {
      applySetting(this.peerSettings, entries.id(index), entries.value(index));
    }
    this.#settingsChanged(before);
    this.#writer.settingsAck();
    this.#checkReplies();
    this.#listener.settings();
  }

  #settingsChanged(before: Readonly<PeerSettings>): void {
    const { maxFrameBytes, initialWindowBytes, headerTableBytes } = this.peerSettings;
    this.#writer.maxFrameBytes = maxFrameBytes;
    if (headerTableBytes < before.headerTableBytes) this.#writer.giveUpHeaderTable();
    const delta = initialWindowBytes - before.initialWindowBytes;
    if (delta === 0) return;
    for (const stream of this.#streams.all()) {
      if (stream.growSendWindow(delta)) continue;
      throw new ProtocolViolation(FLOW_CONTROL_ERROR, 'SETTINGS_INITIAL_WINDOW_SIZE takes a window past 2^31-1');
    }
  }

  ping(ack: boolean, payload: Uint8Array): void {
    if (ack) {
      this.#listener.pong(payload);
      return;
    }
    this.#meter.spend('pings', this.#now);
    this.#writer.pingAck(payload);
    this.#checkReplies();
  }

  windowUpdate(id: number, increment: number): void {
    if (id === 0) {
      this.#noteTrickle(this.#writer.isStarved, increment);
      if (this.#writer.growWindow(increment)) return;
      throw new ProtocolViolation(FLOW_CONTROL_ERROR, 'WINDOW_UPDATE takes the window of the connection past 2^31-1');
    }
    const stream = this.#streams.open(id, 'WINDOW_UPDATE');
    if (!stream) {
      this.late();
      return;
    }
    this.#noteTrickle(stream.isStarved, increment);
    if (!stream.growSendWindow(increment)) this.resetStream(id, FLOW_CONTROL_ERROR);
  }

  #noteTrickle(isStarved: boolean, increment: number): void {
    if (isStarved && increment < TRICKLE_BYTES) this.#meter.spend('windowTrickles', this.#now);
  }
}

/** What a DATA frame costs its stream; undefined when it may come, and its window is charged. */
function faultOfData(stream: EngineStream, flowBytes: number): number | undefined {
  if (!canReceive(stream.state)) return STREAM_CLOSED;
  if (stream.awaitsHead) return PROTOCOL_ERROR;
  return stream.charge(flowBytes) ? undefined : FLOW_CONTROL_ERROR;
}
