/**
 * One CONNECT stream: the light face its user holds, and the side the connection drives. Nothing is lost and nothing
 * is reordered: what arrives before there are handlers, or while paused, waits (at most one stream window of it), and
 * `onClose` comes after the last of it.
 *
 * After the stream is over `write` answers false and drops, so that a source it is fed from stops.
 */

import { releaseUnkept } from '../blocks.js';
import { ByteQueue } from '../byte-queue.js';
import type { StreamEnd, TunnelStream, TunnelStreamHandlers } from '../types.js';
import type { Answer } from './answer.js';
import { ErrorCode, isCleanReset } from './error-code.js';
import { ReceiveWindow } from './flow-control.js';
import { OutboundData } from './outbound-data.js';
import type { OutputBuffer } from './output.js';
import { canReceive, canSend, nextState, type StreamState, type StreamStep } from './stream-state.js';
import type { Waiting } from './turns.js';
import type { DataSource } from './writer.js';

/** What a stream needs of its connection. */
export interface StreamLink {
  /** The stream has something to send. */
  ready(stream: EngineStream): void;
  /** The reader took (or nobody will ever read) `bytes`: credit goes back to the connection's window. */
  creditConnection(bytes: number): void;
  sendWindowUpdate(stream: EngineStream, increment: number): void;
  sendReset(stream: EngineStream, errorCode: number): void;
  /** The stream left the protocol; what is received and unread may still be delivered. */
  over(stream: EngineStream, end: StreamEnd): void;
}

export interface EngineStreamInit {
  readonly id: number;
  readonly link: StreamLink;
  /** Monotonic milliseconds. */
  readonly openedAt: number;
  /** What the peer lets us send on a new stream. */
  readonly sendWindowBytes: number;
  readonly receiveWindowBytes: number;
  /** RST_STREAM code that tells the peer to stop after our own END_STREAM (RFC 9113 section 8.1 for servers). */
  readonly stopCode: number;
}

/** What is chained to it runs as a microtask, without the asynchronous resource that `queueMicrotask` of Node makes for each. */
const DONE = Promise.resolve();

export class EngineStream implements TunnelStream, DataSource {
  readonly id: number;
  readonly openedAt: number;
  readonly handsOver = true;
  /** Told once, as soon as the stream is over: before `onClose`, and also when there are no handlers yet. */
  onOver: ((end: StreamEnd) => void) | undefined;
  /** The peer has to begin its message with HEADERS (RFC 9113 section 8.1): a client's stream before its answer. */
  awaitsHead = false;
  /** A client's stream: told once what became of its CONNECT. */
  onAnswer: ((answer: Answer) => void) | undefined;
  /** A server's stream: its request is not answered yet. */
  owesAnswer = false;
  waiting: Waiting = 'no';
  /** The stream table's. */
  nextInTable: EngineStream | undefined;
  readonly #link: StreamLink;
  readonly #stopCode: number;
  readonly #outbound: OutboundData;
  readonly #receiveWindow: ReceiveWindow;
  readonly #receiveQueue = new ByteQueue();
  #state: StreamState = 'open';
  #handlers: TunnelStreamHandlers | undefined;
  #paused = false;
  #delivering = false;
  /** The peer ended and `onEnd` is owed. */
  #endOwed = false;
  #ending: 'no' | 'end' | 'close' = 'no';
  #end: StreamEnd | undefined;
  #closeScheduled = false;
  #bytesReceived = 0;

  constructor({ id, link, openedAt, sendWindowBytes, receiveWindowBytes, stopCode }: EngineStreamInit) {
    this.id = id;
    this.openedAt = openedAt;
    this.#link = link;
    this.#stopCode = stopCode;
    this.#outbound = new OutboundData(sendWindowBytes);
    this.#receiveWindow = new ReceiveWindow(receiveWindowBytes);
  }

  // The user's side.

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  get bytesSent(): number {
    return this.#outbound.bytesTaken;
  }

  get handlers(): TunnelStreamHandlers {
    if (!this.#handlers) throw new Error(`stream ${this.id} has no handlers yet`);
    return this.#handlers;
  }

  set handlers(handlers: TunnelStreamHandlers) {
    this.#handlers = handlers;
    // Not at once: whoever assigns handlers has rarely finished preparing for their first call.
    void DONE.then(() => this.#deliver());
  }

  write(chunk: Uint8Array): boolean {
    if (this.#ending !== 'no') throw new Error(`stream ${this.id}: write after end`);
    if (this.#end) return false;
    const hasRoom = this.#outbound.push(chunk);
    this.#link.ready(this);
    return hasRoom;
  }

  end(): void {
    if (this.#ending !== 'no') return;
    this.#ending = 'end';
    if (!this.#end) this.#link.ready(this);
  }

  close(): void {
    // Our END_STREAM may be gone already.
    if (!canSend(this.#state)) {
      this.reset(this.#stopCode);
      return;
    }
    if (this.#ending === 'close') return;
    this.#ending = 'close';
    this.#link.ready(this);
  }

  reset(errorCode: number = ErrorCode.CANCEL): void {
    if (!this.#end) this.#link.sendReset(this, errorCode);
    this.#dropUnread();
    this.#finish('reset', { kind: 'reset', by: 'local', errorCode });
    // It may have been over already, and waited for a reader that has now left.
    this.#deliver();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  // The connection's side: sending.

  get state(): StreamState {
    return this.#state;
  }

  get sendableBytes(): number {
    return this.#outbound.sendableBytes;
  }

  endsWithin(bytes: number): boolean {
    return this.#ending !== 'no' && this.#outbound.queuedBytes === bytes;
  }

  takeInto(output: OutputBuffer, bytes: number): void {
    this.#outbound.takeInto(output, bytes);
  }

  sent(ended: boolean): void {
    if (ended) {
      this.#step('send-end');
      if (this.#ending === 'close') this.reset(this.#stopCode);
      return;
    }
    if (!this.#end && this.#outbound.takeDrain()) this.#guarded((handlers) => handlers.onDrain());
  }

  /** Only the window of this stream keeps it from sending. */
  get isStarved(): boolean {
    return this.#outbound.isStarved;
  }

  /** WINDOW_UPDATE, or a changed SETTINGS_INITIAL_WINDOW_SIZE. False: the window would pass 2^31-1. */
  growSendWindow(bytes: number): boolean {
    if (!this.#outbound.grow(bytes)) return false;
    if (bytes > 0 && this.#outbound.queuedBytes > 0) this.#link.ready(this);
    return true;
  }

  /** Our END_STREAM left on HEADERS: nothing is or will be queued, and what the peer sends is not wanted. */
  sentEndWithHeaders(): void {
    this.#ending = 'close';
    this.sent(true);
  }

  // The connection's side: receiving.

  /** A DATA frame of this length begins. False: it is more than the window allows. */
  charge(flowBytes: number): boolean {
    return this.#receiveWindow.receive(flowBytes);
  }

  /** Bytes of the window that no reader will see: padding. */
  creditUnseen(bytes: number): void {
    this.#credit(bytes);
  }

  receive(chunk: Uint8Array): void {
    this.#bytesReceived += chunk.length;
    const waits = this.#paused || !this.#handlers || this.#receiveQueue.length > 0;
    if (!waits) this.#receiveQueue.push(chunk);
    else if (!this.#receiveQueue.hold(chunk)) releaseUnkept(chunk, 0);
    this.#deliver();
  }

  receiveEnd(): void {
    // The reader of the same frame's data may have reset the stream.
    if (this.#end) return;
    this.#endOwed = true;
    this.#step('receive-end');
    this.#deliver();
  }

  receiveReset(errorCode: number): void {
    if (isCleanReset(errorCode)) {
      this.#finish('reset', { kind: 'clean' });
      return;
    }
    // An error: whatever is unread belongs to a message that will never be whole.
    this.#dropUnread();
    this.#finish('reset', { kind: 'reset', by: 'peer', errorCode });
  }

  /** The connection is gone. */
  lose(error: Error): void {
    this.#finish('reset', { kind: 'lost', error });
  }

  // Inside.

  #step(step: StreamStep): void {
    this.#state = nextState(this.#state, step);
    if (this.#state === 'closed') this.#finish(step, { kind: 'clean' });
  }

  #finish(step: StreamStep, end: StreamEnd): void {
    if (this.#end) return;
    this.#state = nextState(this.#state, step);
    this.#end = end;
    if (this.#ending === 'close') this.#dropUnread();
    this.#outbound.clear();
    this.#link.over(this, end);
    this.onOver?.(end);
    this.#deliver();
  }

  #deliver(): void {
    if (this.#delivering || !this.#handlers) return;
    this.#delivering = true;
    while (!this.#paused && this.#receiveQueue.length > 0) {
      const chunk = this.#receiveQueue.shift();
      if (!chunk) break;
      this.#credit(chunk.length);
      this.#guarded((handlers) => handlers.onData(chunk));
    }
    this.#delivering = false;
    if (this.#receiveQueue.length > 0) return;
    if (this.#endOwed) {
      this.#endOwed = false;
      this.#guarded((handlers) => handlers.onEnd());
    }
    this.#scheduleClose();
  }

  /** In a microtask of its own: never from inside the call of the user that ended the stream, and after all else. */
  #scheduleClose(): void {
    if (!this.#end || this.#closeScheduled) return;
    this.#closeScheduled = true;
    void DONE.then(() => {
      if (this.#end) this.#handlers?.onClose(this.#end);
    });
  }

  /** A handler that throws costs its own stream, never the connection it shares with others. */
  #guarded(call: (handlers: TunnelStreamHandlers) => void): void {
    const handlers = this.#handlers;
    if (!handlers) return;
    try {
      call(handlers);
    } catch (cause) {
      const lost: StreamEnd = { kind: 'lost', error: new Error('a stream handler threw', { cause }) };
      this.#dropUnread();
      if (this.#end) {
        this.#end = lost;
        return;
      }
      this.#link.sendReset(this, ErrorCode.INTERNAL_ERROR);
      this.#finish('reset', lost);
    }
  }

  #dropUnread(): void {
    this.#link.creditConnection(this.#receiveQueue.length);
    this.#receiveQueue.clear();
    this.#endOwed = false;
  }

  #credit(bytes: number): void {
    this.#link.creditConnection(bytes);
    if (!canReceive(this.#state)) return;
    const increment = this.#receiveWindow.consume(bytes);
    if (increment > 0) this.#link.sendWindowUpdate(this, increment);
  }
}
