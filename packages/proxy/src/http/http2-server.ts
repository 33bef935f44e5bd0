/**
 * HTTP/2 with prior knowledge on the client's side (gRPC among it), by node:http2 over any Duplex. Streams run at once and
 * independently; a stream's failure is its own. No push, no extended CONNECT.
 */
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { ClosableStream } from './closing.js';
import { createDeadline, type Deadline } from './deadline.js';
import type { RequestHead } from './exchange.js';
import type { DownstreamListener, HttpServer, HttpServerInit } from './http-server.js';
import { createHttp2Downstream, http2RequestHead } from './http2-downstream.js';
import type { HttpLimits } from './limits.js';

export function createHttp2Server({ limits, clock }: HttpServerInit): HttpServer {
  const connections = new Set<Http2ServerConnection>();
  let draining = false;
  return {
    accept(stream, listener) {
      const connection = new Http2ServerConnection({ limits, clock }, stream, listener);
      connections.add(connection);
      stream.once('close', () => connections.delete(connection));
      if (draining) connection.close();
    },
    drain() {
      draining = true;
      for (const connection of connections) connection.close();
    },
  };
}

class Http2ServerConnection {
  readonly #limits: HttpLimits;
  readonly #stream: ClosableStream;
  readonly #session: ServerHttp2Session;
  readonly #listener: DownstreamListener;
  /** Until the next request while there is none, until the next PING while there is one. */
  readonly #deadline: Deadline;
  /** Requests not yet over. */
  #running = 0;
  /** A PING is out. */
  #probing = false;

  constructor({ limits, clock }: HttpServerInit, stream: ClosableStream, listener: DownstreamListener) {
    this.#limits = limits;
    this.#stream = stream;
    this.#listener = listener;
    stream.on('error', () => undefined);
    this.#session = performServerHandshake(stream, sessionOptions(limits));
    this.#session.on('stream', (request, headers, flags) => this.#serve(request, http2RequestHead(headers, flags)));
    this.#session.on('error', (error) => this.#onError(error));
    this.#deadline = createDeadline(clock, () => this.#onDeadline());
    // HTTP/2 knows no half-open connection: a client that ends its side cannot even open the window for its answers.
    stream.once('end', () => stream.destroy());
    stream.once('close', () => this.#deadline.cancel());
    // A preface or a header block that never ends opens no stream.
    this.#deadline.arm(limits.headMs);
  }

  /** GOAWAY; running requests finish, and a client that then keeps the connection has `lingerMs`. */
  close(): void {
    if (this.#session.closed) return;
    this.#session.close();
    if (this.#running === 0) this.#deadline.arm(this.#limits.lingerMs);
  }

  /** The client has been told by GOAWAY, and every stream by its end. A client that just went is not worth a line. */
  #onError(error: NodeJS.ErrnoException): void {
    if (error.code === 'ERR_HTTP2_ERROR') this.#listener.malformed(`not HTTP/2: ${error.message}`);
  }

  #serve(stream: ServerHttp2Stream, head: RequestHead): void {
    if (this.#running++ === 0) this.#deadline.arm(this.#limits.pongMs);
    // Failures show as `gone`; without a listener they would end the process.
    stream.on('error', () => undefined);
    stream.once('close', () => this.#onServed());
    if (head.method === 'CONNECT') refuseConnect(stream);
    else void this.#listener.request(createHttp2Downstream(stream, head));
  }

  #onServed(): void {
    this.#running--;
    if (this.#running > 0) return;
    this.#deadline.arm(this.#session.closed ? this.#limits.lingerMs : this.#limits.idleMs);
  }

  #onDeadline(): void {
    if (this.#running > 0) this.#probe();
    else if (this.#session.closed) this.#stream.destroySoon();
    else this.close();
  }

  /**
   * nghttp2 answers some violations by GOAWAY and reads no more, without a word to node:http2: requests under way then
   * wait for ever for a client that cannot be heard. Only an unanswered PING tells.
   */
  #probe(): void {
    if (this.#probing || this.#session.destroyed || !this.#session.ping(() => this.#onPong())) {
      this.#stream.destroy();
      return;
    }
    this.#probing = true;
    this.#deadline.arm(this.#limits.pongMs);
  }

  #onPong(): void {
    this.#probing = false;
  }
}

/** One that was reset right behind its head is over before it is told of here, and respond() would throw. */
function refuseConnect(stream: ServerHttp2Stream): void {
  if (!stream.closed && !stream.destroyed) stream.respond({ ':status': 405 }, { endStream: true });
}

function sessionOptions(limits: HttpLimits): Parameters<typeof performServerHandshake>[1] {
  return {
    maxHeaderListPairs: limits.headFields,
    settings: {
      maxConcurrentStreams: limits.concurrentStreams,
      initialWindowSize: limits.streamWindowBytes,
      maxHeaderListSize: limits.headBytes,
      enablePush: false,
      enableConnectProtocol: false,
    },
  };
}
