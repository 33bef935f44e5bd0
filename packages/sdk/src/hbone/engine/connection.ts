/**
 * One HTTP/2 connection that carries CONNECT streams, without sockets or timers: bytes and the time go in by `receive`
 * and `tick`, bytes come out by `take`, everything else by the observer. What client and server do differently is in
 * `client-connection.ts` and `server-connection.ts`.
 *
 *   settling --SETTINGS of the peer--> open --GOAWAY sent, or the transport gone--> over
 *      |                                                                             ^
 *      +-------------------------- deadline, or as above ---------------------------+
 *
 * Refuses: push, extended CONNECT, anything but CONNECT streams. Bounds: `settings.ts` and `limits.ts`; a peer beyond
 * them, or one that breaks a rule of the connection, gets a GOAWAY and loses its streams.
 */
import { type Codec, CodecError, type HeaderBlockView } from '@isthmus/codec-wasm';
import { Fault } from '../../wire/faults.js';
import { releaseUnkept } from '../blocks.js';
import { BudgetMeter, type Limits } from '../limits.js';
import type { HboneSettings } from '../settings.js';
import { ErrorCode, errorCodeName, ProtocolViolation } from './error-code.js';
import { INITIAL_WINDOW } from './flow-control.js';
import { FrameReceiver } from './frame-receiver.js';
import { Liveness } from './liveness.js';
import type { PeerSettings } from './peer-settings.js';
import { EngineStream, type StreamLink } from './stream.js';
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

/** What the two roles hand to the base. */
interface Role {
  readonly name: 'client' | 'server';
  readonly maxHeaderListSize: number;
}

// Eight bytes each; the answers tell them apart.
const LIVENESS_PING = Buffer.from('isthmus0');
const DRAIN_PING = Buffer.from('isthmus1');

export abstract class Connection {
  protected readonly init: ConnectionInit;
  protected readonly streams = new StreamTable();
  protected readonly writer: FrameWriter;
  protected readonly meter: BudgetMeter;
  protected readonly receiver: FrameReceiver;
  /** What the peer said before it went away, for messages. */
  protected farewell: string | undefined;
  /** The time of the last call that told it. */
  protected now: number;
  readonly #liveness: Liveness;
  #phase: Phase;

  constructor(init: ConnectionInit, { name: role, maxHeaderListSize }: Role) {
    const { settings, now, codec } = init;
    this.init = init;
    this.now = now;
    this.writer = new FrameWriter(() => init.observer.wake());
    this.meter = new BudgetMeter(init.limits);
    this.receiver = new FrameReceiver({
      decoder: codec.openDecoder({ role, maxFrameSize: settings.maxFrameBytes, maxHeaderListSize }),
      streams: this.streams,
      writer: this.writer,
      meter: this.meter,
      connectionWindowBytes: settings.connectionWindowBytes,
      listener: {
        headers: (id, block, endStream) => this.receivedHeaders(id, block, endStream),
        brokenFrame: (id) => this.noteBrokenFrame(id),
        reset: (stream, errorCode) => this.receivedReset(stream, errorCode),
        goAway: (lastStreamId, errorCode) => this.receivedGoAway(lastStreamId, errorCode),
        settings: () => this.#receivedSettings(),
        pong: (payload) => this.#receivedPong(payload),
      },
    });
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
      releaseUnkept(bytes, this.receiver.receive(bytes, now));
    } catch (error) {
      this.#broken(error);
    }
  }

  /** `take` may have something. */
  get hasOutput(): boolean {
    return this.writer.pending;
  }

  /** The next bytes for the peer, about `budget` of them, by reference. */
  take(budget: number): Uint8Array[] {
    return this.writer.take(budget);
  }

  /** After `take`: who waits for the window of the connection waits from now on. */
  noteStarved(now: number): void {
    if (this.writer.isStarved) this.writer.window.noteUsedUp(now);
  }

  /**
   * Since when the window of the connection has been used up in either direction with nothing given back, in monotonic
   * milliseconds: readers that stopped hold all of it, and with it every stream of the connection.
   */
  get heldSince(): number | undefined {
    const sending = this.writer.isStarved ? this.writer.window.usedUpAt : undefined;
    return sending ?? this.receiver.exhaustedAt;
  }

  /** When `tick` wants to be called, in monotonic milliseconds. */
  get dueAt(): number {
    if (this.#phase.kind === 'over') return Number.POSITIVE_INFINITY;
    const { dueAt } = this.#liveness;
    return this.#phase.kind === 'settling' ? Math.min(dueAt, this.#phase.deadlineAt) : dueAt;
  }

  tick(now: number): void {
    if (this.isOver) return;
    this.now = now;
    const { peer, settings } = this.init;
    if (this.#phase.kind === 'settling' && now >= this.#phase.deadlineAt) {
      const message = `${peer} sent no HTTP/2 SETTINGS within ${settings.settingsTimeoutMs} ms`;
      this.fail(ErrorCode.SETTINGS_TIMEOUT, new Fault('H2_HANDSHAKE_FAILURE', message));
      return;
    }
    const step = this.#liveness.step(now);
    if (step === 'ping') this.writer.ping(LIVENESS_PING);
    if (step === 'dead') {
      const message = `${peer} answered no PING for ${settings.pingTimeoutMs} ms; the network or the peer is gone`;
      this.fail(ErrorCode.NO_ERROR, new Fault('TUNNEL_LOST', message));
    }
  }

  /** The transport ended under us: FIN, or with the error of the socket. A `Fault` is taken as it is. */
  transportEnded(cause?: Error): void {
    if (this.isOver) return;
    if (!cause && this.isSettled && this.streams.size === 0) this.finish({ kind: 'graceful' });
    else this.finish({ kind: 'fault', fault: cause instanceof Fault ? cause : this.#faultOfTransport(cause) });
  }

  /** Ends everything now: GOAWAY NO_ERROR, open streams are lost. */
  close(reason = `the connection with ${this.init.peer} was closed on this side`): void {
    this.fail(ErrorCode.NO_ERROR, new Fault('TUNNEL_LOST', reason));
  }

  /** RST_STREAM code that asks the peer to stop sending after our END_STREAM. */
  protected abstract readonly stopCode: number;
  /** The highest stream of the peer that we looked at: 0 for a client, whose peer opens none. */
  protected abstract readonly lastPeerStreamId: number;
  protected abstract receivedHeaders(id: number, block: HeaderBlockView, endStream: boolean): void;
  /** See `FrameListener.brokenFrame`. */
  protected abstract noteBrokenFrame(id: number): void;
  /** See `FrameListener.reset`. */
  protected abstract receivedReset(stream: EngineStream, errorCode: number): void;
  protected abstract receivedGoAway(lastStreamId: number, errorCode: number): void;
  /** The PING of `pingForDrain` was answered: everything the peer had sent before it is here. */
  protected abstract receivedDrainAck(): void;
  /** The number of open streams, or what the peer allows, has changed. */
  protected abstract streamsChanged(): void;

  protected get peerSettings(): Readonly<PeerSettings> {
    return this.receiver.peerSettings;
  }

  protected createStream(id: number): EngineStream {
    const stream = new EngineStream({
      id,
      link: this.#link,
      openedAt: this.now,
      sendWindowBytes: this.peerSettings.initialWindowBytes,
      receiveWindowBytes: this.init.settings.streamWindowBytes,
      stopCode: this.stopCode,
    });
    this.streams.add(stream);
    return stream;
  }

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
    this.writer.goAway(this.lastPeerStreamId, errorCode, errorCode === ErrorCode.NO_ERROR ? '' : fault.message);
    this.finish({ kind: 'fault', fault });
  }

  protected finish(end: ConnectionEnd): void {
    if (this.isOver) return;
    this.#phase = { kind: 'over', end };
    this.receiver.close();
    const error =
      end.kind === 'fault' ? end.fault : new Fault('TUNNEL_LOST', `${this.init.peer} closed the connection`);
    for (const stream of this.streams.all()) stream.lose(error);
    this.init.observer.over(end);
  }

  /** What a stream may ask of its connection. */
  readonly #link: StreamLink = {
    ready: (stream) => this.writer.ready(stream),
    creditConnection: (bytes) => this.receiver.credit(bytes),
    sendWindowUpdate: (stream, increment) => this.writer.windowUpdate(stream.id, increment),
    sendReset: (stream, errorCode) => this.writer.rstStream(stream.id, errorCode),
    over: (stream) => {
      this.writer.forget(stream);
      this.streams.remove(stream);
      if (!this.isOver) this.streamsChanged();
    },
  };

  #receivedSettings(): void {
    if (this.#phase.kind === 'settling') this.#phase = { kind: 'open' };
    this.streamsChanged();
  }

  #receivedPong(payload: Uint8Array): void {
    if (LIVENESS_PING.equals(payload)) this.#liveness.answered(this.now);
    else if (DRAIN_PING.equals(payload)) this.receivedDrainAck();
  }

  #faultOfTransport(cause: Error | undefined): Fault {
    const details = [this.farewell, cause?.message].filter((text) => text !== undefined);
    const why = details.map((text) => `: ${text}`).join('');
    const { peer } = this.init;
    if (this.isSettled) {
      const message = `the connection with ${peer} ended with ${this.streams.size} streams open${why}`;
      return new Fault('TUNNEL_LOST', message, { cause });
    }
    const message = `${peer} closed the connection before HTTP/2 began; it may have rejected our certificate${why}`;
    return new Fault('H2_HANDSHAKE_FAILURE', message, { cause });
  }

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
