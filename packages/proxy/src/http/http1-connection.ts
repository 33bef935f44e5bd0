/**
 * One client's HTTP/1.1 connection: a queue of requests answered one after the other, the deadlines between them, and how
 * it ends.
 *
 *   idle ──bytes──> head ──request──> busy ──last answer──> idle
 *                                      └──101──> switched (the stream belongs to another protocol)
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@isthmus/sdk/runtime';
import type { ClosableStream } from './closing.js';
import { createDeadline, type Deadline } from './deadline.js';
import type { DownstreamListener } from './http-server.js';
import { createHttp1Downstream, type Http1DownstreamInit } from './http1-downstream.js';
import type { HttpLimits } from './limits.js';

export interface Http1ConnectionInit {
  readonly stream: ClosableStream;
  readonly listener: DownstreamListener;
  readonly limits: HttpLimits;
  readonly clock: Clock;
  onClosed(): void;
}

export type RequestKind = Pick<Http1DownstreamInit, 'head' | 'expectsContinue' | 'upgradeHead'>;

export class Http1ServerConnection {
  readonly #init: Http1ConnectionInit;
  readonly #gone = new AbortController();
  readonly #deadline: Deadline;
  #phase: 'idle' | 'head' | 'busy' | 'switched' = 'idle';
  /** Requests received and not yet answered. */
  #waiting = 0;
  /** The end of their queue. */
  #tail: Promise<void> = Promise.resolve();
  #closing = false;
  #rejected = false;

  constructor(init: Http1ConnectionInit) {
    this.#init = init;
    const { stream, clock, limits } = init;
    this.#deadline = createDeadline(clock, () => this.#onDeadline());
    stream.on('error', () => undefined);
    stream.on('data', () => this.#onBytes());
    stream.once('end', () => this.#onClientEnd());
    stream.once('close', () => this.#onClosed());
    // A client that opened the tunnel to say nothing has no longer than one that stops in the middle of a head.
    this.#deadline.arm(limits.headMs);
  }

  get stream(): ClosableStream {
    return this.#init.stream;
  }

  /** Ends after the answers under way. */
  close(): void {
    this.#closing = true;
    if (this.#waiting === 0) this.stream.destroySoon();
  }

  /** What came was refused: the rest of it is nobody's, however well it reads. */
  get rejected(): boolean {
    return this.#rejected;
  }

  /** Answers are under way, or due. */
  get answering(): boolean {
    return this.#waiting > 0;
  }

  /** What cannot wait for the answers before it is not served: the connection ends after those. */
  leave(reason: string): void {
    this.#init.listener.malformed(reason);
    this.close();
  }

  /** Answers what is no request, unless an answer is under way: its bytes would land in the middle of that one. */
  reject(status: string, reason: string): void {
    if (this.#rejected) return;
    this.#rejected = true;
    this.#init.listener.malformed(reason);
    this.#answerAndClose(status);
  }

  enqueue(request: IncomingMessage, response: ServerResponse, kind: RequestKind): void {
    const { limits, listener } = this.#init;
    if (this.#waiting >= limits.pipelined) {
      listener.malformed(`over ${limits.pipelined} requests waiting on one connection`);
      this.stream.destroy();
      return;
    }
    this.#waiting++;
    this.#phase = 'busy';
    this.#deadline.cancel();
    const exchange = createHttp1Downstream({
      ...kind,
      request,
      response,
      stream: this.stream,
      gone: this.#gone.signal,
      isLast: () => this.#closing,
      onSwitched: () => {
        this.#phase = 'switched';
      },
    });
    this.#tail = this.#tail.then(() => listener.request(exchange)).then(() => this.#onAnswered(request));
  }

  #onAnswered(request: IncomingMessage): void {
    this.#waiting--;
    if (this.#phase === 'switched' || this.stream.destroyed) return;
    // The answer came before the request was all there; what is left of it has no reader.
    if (!request.complete) {
      request.resume();
      this.stream.destroySoon();
    }
    if (this.#waiting > 0) return;
    this.#phase = 'idle';
    if (this.#closing) this.stream.destroySoon();
    else this.#deadline.arm(this.#init.limits.idleMs);
  }

  #onBytes(): void {
    if (this.#phase !== 'idle') return;
    this.#phase = 'head';
    this.#deadline.arm(this.#init.limits.headMs);
  }

  #onDeadline(): void {
    if (this.#phase === 'head') this.#answerAndClose('408 Request Timeout');
    else this.stream.destroySoon();
  }

  /** A client that ends its side in the middle of an exchange has given up on it, as for Envoy. */
  #onClientEnd(): void {
    if (this.#phase === 'busy') this.stream.destroy();
  }

  #onClosed(): void {
    this.#deadline.cancel();
    this.#gone.abort();
    this.#init.onClosed();
  }

  #answerAndClose(status: string): void {
    if (this.stream.writable && this.#waiting === 0) {
      this.stream.write(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    }
    this.stream.destroySoon();
  }
}
