/**
 * One HTTP/2 connection that carries CONNECT streams, without sockets or timers: bytes and the time go in by `receive`
 * and `tick`, bytes come out by `take`, everything else by the observer. What client and server do differently is in
 * `client-connection.ts` and `server-connection.ts`.
 *
 * Refuses: push, extended CONNECT, anything but CONNECT streams. Bounds: `settings.ts` and `limits.ts`; a peer beyond
 * them, or one that breaks a rule of the connection, gets a GOAWAY and loses its streams.
 */

import type { HeaderBlockView } from '@isthmus/codec-wasm';
import { type Codec, CodecError, type ConnectionDecoder, Event, type EventKind } from '@isthmus/codec-wasm';
import { Fault } from '../../wire/faults.js';
import { BudgetMeter, type Limits } from '../limits.js';
import type { HboneSettings } from '../settings.js';
import { ErrorCode, errorCodeName, ProtocolViolation } from './error-code.js';
import { INITIAL_WINDOW } from './flow-control.js';
import { InboundData } from './inbound-data.js';
import { Liveness } from './liveness.js';
import { applySetting, initialPeerSettings, type PeerSettings } from './peer-settings.js';
import { EngineStream, type StreamLink } from './stream.js';
import { canReceive } from './stream-state.js';
import { StreamTable } from './stream-table.js';
import { FrameWriter } from './writer.js';

export interface ConnectionInit {
  readonly codec: Codec;
  readonly settings: HboneSettings;
  readonly limits?: Limits;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** The peer in messages, `10.0.0.7:15008`. */
  readonly peer: string;
  readonly observer: ConnectionObserver;
}

export interface ConnectionObserver {
  /** There may be something to take. Called often, also from within the constructor. */
  wake(): void;
  /** Exactly once, last: all streams are over; what `take` still has is the farewell. */
  over(end: ConnectionEnd): void;
}

export type ConnectionEnd = { readonly kind: 'graceful' } | { readonly kind: 'fault'; readonly fault: Fault };

type Phase =
  | { readonly kind: 'settling'; readonly deadlineAt: number }
  | { readonly kind: 'open' }
  | { readonly kind: 'over'; readonly end: ConnectionEnd };

const LIVENESS_PING = Buffer.from('isthmus0');
const DRAIN_PING = Buffer.from('isthmus1');

export abstract class Connection {
  protected readonly init: ConnectionInit;
  protected readonly streams = new StreamTable();
  protected readonly writer: FrameWriter;
  protected readonly meter: BudgetMeter;
  protected readonly peerSettings = initialPeerSettings();
  /** What the peer said before it went away, for messages. */
  protected farewell: string | undefined;
  /** The time of the call under way. */
  protected now: number;
  readonly #decoder: ConnectionDecoder;
  readonly #inbound: InboundData;
  readonly #liveness: Liveness;
  #phase: Phase;

  constructor(init: ConnectionInit, role: 'client' | 'server', maxHeaderListSize: number) {
    const { settings, now } = init;
    this.init = init;
    this.now = now;
    this.#decoder = init.codec.openDecoder({ role, maxFrameSize: settings.maxFrameBytes, maxHeaderListSize });
    this.writer = new FrameWriter(() => init.observer.wake());
    this.meter = new BudgetMeter(init.limits);
    this.#inbound = new InboundData(settings.connectionWindowBytes, this.streams, this.writer);
    this.#liveness = new Liveness({ intervalMs: settings.pingIntervalMs, timeoutMs: settings.pingTimeoutMs }, now);
    this.#phase = { kind: 'settling', deadlineAt: now + settings.settingsTimeoutMs };
  }

  /** Streams that are open in either direction. */
  get activeStreams(): number {
    return this.streams.size;
  }

  /** No frame is read or made any more; `take` may still have a farewell. */
  get isOver(): boolean {
    return this.#phase.kind === 'over';
  }

  /** The peer's SETTINGS are there. */
  get isSettled(): boolean {
    return this.#phase.kind === 'open';
  }

  /** Bytes from the peer. They must not change afterwards: streams hand them on without copying. */
  receive(bytes: Uint8Array, now: number): void {
    if (this.isOver) return;
    this.now = now;
    try {
      this.#decoder.push(bytes);
      while (!this.isOver) {
        const kind = this.#decoder.next();
        if (kind === Event.None) break;
        this.#dispatch(kind, bytes);
        this.meter.level('queuedReplyBytes', this.writer.replyBytes);
      }
    } catch (error) {
      this.#broken(error);
    }
  }

  /** The next bytes for the peer, about `budget` of them, by reference. */
  take(budget: number): Uint8Array[] {
    return this.writer.take(budget);
  }

  /** `take` may have something. */
  get hasOutput(): boolean {
    return this.writer.pending;
  }

  /** When `tick` wants to be called, in monotonic milliseconds. */
  get dueAt(): number {
    if (this.#phase.kind === 'over') return Number.POSITIVE_INFINITY;
    const dueAt = this.#liveness.dueAt;
    return this.#phase.kind === 'settling' ? Math.min(dueAt, this.#phase.deadlineAt) : dueAt;
  }

  tick(now: number): void {
    this.now = now;
    if (this.#phase.kind === 'settling' && now >= this.#phase.deadlineAt) {
      const waited = this.init.settings.settingsTimeoutMs;
      this.fail(
        ErrorCode.SETTINGS_TIMEOUT,
        new Fault('H2_HANDSHAKE_FAILURE', `${this.init.peer} sent no HTTP/2 SETTINGS within ${waited} ms`),
      );
    }
    if (this.isOver) return;
    const step = this.#liveness.step(now);
    if (step === 'ping') this.writer.ping(LIVENESS_PING);
    if (step === 'dead') {
      const waited = this.init.settings.pingTimeoutMs;
      this.fail(
        ErrorCode.NO_ERROR,
        new Fault(
          'TUNNEL_LOST',
          `${this.init.peer} answered no PING for ${waited} ms; the network or the peer is gone`,
        ),
      );
    }
  }

  /** The transport ended under us: FIN, or the error of the socket. */
  transportEnded(cause?: Error): void {
    if (this.isOver) return;
    if (!cause && this.isSettled && this.streams.size === 0) {
      this.finish({ kind: 'graceful' });
      return;
    }
    const why = [this.farewell, cause?.message]
      .filter(Boolean)
      .map((text) => `: ${text}`)
      .join('');
    const fault = this.isSettled
      ? new Fault(
          'TUNNEL_LOST',
          `the connection with ${this.init.peer} ended with ${this.streams.size} streams open${why}`,
          { cause },
        )
      : new Fault(
          'H2_HANDSHAKE_FAILURE',
          `${this.init.peer} closed the connection before HTTP/2 began; it may have rejected our certificate${why}`,
          { cause },
        );
    this.finish({ kind: 'fault', fault });
  }

  /** Ends everything now: GOAWAY NO_ERROR, open streams are lost. */
  close(reason = 'the connection was closed on this side'): void {
    this.fail(ErrorCode.NO_ERROR, new Fault('TUNNEL_LOST', reason));
  }

  /** HEADERS on that stream; `stream` is undefined for a number that is not open. */
  protected abstract receivedHeaders(id: number, headers: HeaderBlockView, endStream: boolean): void;
  /** A frame broke a rule of that stream and is about to cost it; the stream may never have been opened. */
  protected abstract noteBrokenFrame(id: number): void;
  /** RST_STREAM, before the stream learns of it. */
  protected abstract receivedReset(stream: EngineStream, errorCode: number): void;
  protected abstract receivedGoAway(lastStreamId: number, errorCode: number): void;
  protected abstract receivedDrainAck(): void;
  /** The number of open streams, or what the peer allows, has changed. */
  protected abstract streamsChanged(): void;
  /** RST_STREAM code that asks the peer to stop sending after our END_STREAM. */
  protected abstract readonly stopCode: number;

  protected createStream(id: number): EngineStream {
    const stream = new EngineStream({
      id,
      link: this.#link,
      sendWindowBytes: this.peerSettings.initialWindowBytes,
      receiveWindowBytes: this.init.settings.streamWindowBytes,
      stopCode: this.stopCode,
    });
    this.streams.add(stream);
    return stream;
  }

  /** PING whose answer arrives at `receivedDrainAck`: everything the peer sent before it is then here. */
  protected pingForDrain(): void {
    this.writer.ping(DRAIN_PING);
  }

  /** Raises our side's window of the connection from the protocol's 65535 to what the settings say. */
  protected announceConnectionWindow(): void {
    const increment = this.init.settings.connectionWindowBytes - INITIAL_WINDOW;
    if (increment > 0) this.writer.windowUpdate(0, increment);
  }

  /** Nothing runs and nothing will: says so, and is over. */
  protected endGracefully(): void {
    if (this.isOver) return;
    this.writer.goAway(this.lastPeerStreamId, ErrorCode.NO_ERROR);
    this.finish({ kind: 'graceful' });
  }

  /** GOAWAY with this code, then the end. */
  protected fail(errorCode: number, fault: Fault): void {
    if (this.isOver) return;
    const debug = errorCode === ErrorCode.NO_ERROR ? '' : fault.message;
    this.writer.goAway(this.lastPeerStreamId, errorCode, debug);
    this.finish({ kind: 'fault', fault });
  }

  /** The highest stream of the peer that we looked at: 0 for a client, whose peer opens none. */
  protected abstract readonly lastPeerStreamId: number;

  protected finish(end: ConnectionEnd): void {
    if (this.isOver) return;
    this.#phase = { kind: 'over', end };
    this.#decoder.close();
    const error =
      end.kind === 'fault' ? end.fault : new Fault('TUNNEL_LOST', `the connection with ${this.init.peer} was closed`);
    for (const stream of this.streams.all()) stream.lose(error);
    this.init.observer.over(end);
  }
  /** Resets one stream for what the peer did on it, and charges the peer for it. */
  protected resetStream(id: number, errorCode: number): void {
    this.meter.spend('provokedResets', this.now);
    const stream = this.streams.find(id);
    if (typeof stream === 'string') this.writer.rstStream(id, errorCode);
    else stream.reset(errorCode);
  }

  /** The open stream of that number; undefined for a closed one. A frame for an idle one is an error of the connection. */
  protected openStream(id: number, frame: string): EngineStream | undefined {
    const stream = this.streams.find(id);
    if (stream === 'idle') {
      throw new ProtocolViolation(ErrorCode.PROTOCOL_ERROR, `${frame} on idle stream ${id} (RFC 9113 section 5.1)`);
    }
    return stream === 'closed' ? undefined : stream;
  }

  #dispatch(kind: EventKind, bytes: Uint8Array): void {
    const decoder = this.#decoder;
    switch (kind) {
      case Event.Data:
        this.#receivedData(bytes);
        break;
      case Event.Headers:
        this.receivedHeaders(decoder.streamId, decoder.headers, decoder.endStream);
        break;
      case Event.RstStream:
        this.#receivedRstStream(decoder.streamId, decoder.errorCode);
        break;
      case Event.Settings:
        this.#receivedSettings();
        break;
      case Event.Ping:
        this.#receivedPing();
        break;
      case Event.GoAway:
        this.receivedGoAway(decoder.lastStreamId, decoder.errorCode);
        break;
      case Event.WindowUpdate:
        this.#receivedWindowUpdate(decoder.streamId, decoder.increment);
        break;
      case Event.StreamError:
        this.noteBrokenFrame(decoder.streamId);
        this.resetStream(decoder.streamId, decoder.errorCode);
        break;
      default:
        throw new ProtocolViolation(ErrorCode.INTERNAL_ERROR, `event ${kind} of the codec is unknown here`);
    }
  }

  #receivedData(bytes: Uint8Array): void {
    const { streamId, start, end, flowBytes, endStream } = this.#decoder;
    const stream = this.openStream(streamId, 'DATA');
    if (flowBytes > 0 && !this.#inbound.begin(streamId, flowBytes)) {
      throw new ProtocolViolation(ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the window of the connection allows');
    }
    this.#inbound.show(end - start);
    if (start === end && !endStream) this.meter.spend('emptyData', this.now);
    const verdict = stream && canReceive(stream.state) ? stream.charge(flowBytes) : 'late';
    if (!stream || verdict !== true) {
      // A stream we reset is still fed by a peer that has not heard of it; only an end that it sent itself binds it.
      this.#inbound.credit(end - start);
      if (stream)
        this.resetStream(streamId, verdict === 'late' ? ErrorCode.STREAM_CLOSED : ErrorCode.FLOW_CONTROL_ERROR);
      return;
    }
    if (end > start) stream.receive(bytes.subarray(start, end));
    if (endStream) stream.receiveEnd();
  }

  #receivedRstStream(id: number, errorCode: number): void {
    const stream = this.openStream(id, 'RST_STREAM');
    if (!stream) {
      this.meter.spend('lateFrames', this.now);
      return;
    }
    this.receivedReset(stream, errorCode);
    stream.receiveReset(errorCode);
  }

  #receivedSettings(): void {
    const decoder = this.#decoder;
    if (decoder.ack) return;
    this.meter.spend('settings', this.now);
    const before = { ...this.peerSettings };
    for (let index = 0; index < decoder.settingsCount; index++) {
      applySetting(this.peerSettings, decoder.settingId(index), decoder.settingValue(index));
    }
    this.#settingsChanged(before);
    this.writer.settingsAck();
    if (this.#phase.kind === 'settling') this.#phase = { kind: 'open' };
    this.streamsChanged();
  }

  #settingsChanged(before: Readonly<PeerSettings>): void {
    const { maxFrameBytes, initialWindowBytes, headerTableBytes } = this.peerSettings;
    this.writer.maxFrameBytes = maxFrameBytes;
    if (headerTableBytes < before.headerTableBytes) this.writer.giveUpHeaderTable();
    const delta = initialWindowBytes - before.initialWindowBytes;
    if (delta === 0) return;
    for (const stream of this.streams.all()) {
      if (stream.growSendWindow(delta)) continue;
      throw new ProtocolViolation(
        ErrorCode.FLOW_CONTROL_ERROR,
        'SETTINGS_INITIAL_WINDOW_SIZE takes a window past 2^31-1',
      );
    }
  }

  #receivedPing(): void {
    const { ack, pingPayload } = this.#decoder;
    if (!ack) {
      this.meter.spend('pings', this.now);
      this.writer.pingAck(pingPayload);
    } else if (LIVENESS_PING.equals(pingPayload)) this.#liveness.answered(this.now);
    else if (DRAIN_PING.equals(pingPayload)) this.receivedDrainAck();
  }

  #receivedWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (this.writer.growWindow(increment)) return;
      throw new ProtocolViolation(
        ErrorCode.FLOW_CONTROL_ERROR,
        'WINDOW_UPDATE takes the window of the connection past 2^31-1',
      );
    }
    const stream = this.openStream(id, 'WINDOW_UPDATE');
    if (!stream) this.meter.spend('lateFrames', this.now);
    else if (!stream.growSendWindow(increment)) this.resetStream(id, ErrorCode.FLOW_CONTROL_ERROR);
  }

  /** What a stream may ask of its connection. */
  readonly #link: StreamLink = {
    ready: (stream) => this.writer.ready(stream),
    creditConnection: (bytes) => {
      if (!this.isOver) this.#inbound.credit(bytes);
    },
    sendWindowUpdate: (stream, increment) => this.writer.windowUpdate(stream.id, increment),
    sendReset: (stream, errorCode) => this.writer.rstStream(stream.id, errorCode),
    over: (stream) => {
      this.writer.forget(stream);
      this.streams.remove(stream);
      if (!this.isOver) this.streamsChanged();
    },
  };

  #broken(error: unknown): void {
    const errorCode = http2CodeOf(error);
    const cause = error instanceof Error ? error : new Error(String(error));
    const code = this.isSettled ? 'TUNNEL_LOST' : 'H2_HANDSHAKE_FAILURE';
    const message = `the connection with ${this.init.peer} broke (${errorCodeName(errorCode)}): ${cause.message}`;
    this.fail(errorCode, new Fault(code, message, { cause }));
  }
}

function http2CodeOf(error: unknown): number {
  if (error instanceof ProtocolViolation) return error.errorCode;
  return error instanceof CodecError ? error.http2Code : ErrorCode.INTERNAL_ERROR;
}
