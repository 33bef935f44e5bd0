/** What both HTTP versions offer on the client's side. */
import type { Clock } from '@isthmus/sdk/runtime';
import type { ClosableStream } from './closing.js';
import type { Downstream } from './exchange.js';
import type { HttpLimits } from './limits.js';

/** Who gets the requests of one connection. */
export interface DownstreamListener {
  /** Never rejects; the next request of an HTTP/1.1 connection waits for it. */
  request(exchange: Downstream): Promise<void>;
  /** What came was not HTTP or over a limit; the client has been told. */
  malformed(reason: string): void;
}

export interface HttpServer {
  /** Serves the stream until it closes; the stream is the server's from here on. */
  accept(stream: ClosableStream, listener: DownstreamListener): void;
  /** Lets running requests finish, closes what is idle, and asks clients to go elsewhere. */
  drain(): void;
}

export interface HttpServerInit {
  readonly limits: HttpLimits;
  readonly clock: Clock;
}
