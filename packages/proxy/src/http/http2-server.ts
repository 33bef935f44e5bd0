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

interface Connection {
  readonly stream: ClosableStream;
  readonly session: ServerHttp2Session;
  readonly listener: DownstreamListener;
  readonly deadline: Deadline;
  /** Requests not yet over. */
  running: number;
  /** A PING is out. */
  probing: boolean;
}

export function createHttp2Server({ limits, clock }: HttpServerInit): HttpServer {
  const connections = new Set<Connection>();
  let draining = false;

  return { accept, drain };

  function accept(stream: ClosableStream, listener: DownstreamListener): void {
    stream.on('error', () => undefined);
    const session = performServerHandshake(stream, sessionOptions(limits));
    const deadline = createDeadline(clock, () => onDeadline(connection));
    const connection: Connection = { stream, session, listener, deadline, running: 0, probing: false };
    connections.add(connection);
    session.on('stream', (request, headers, flags) => serve(connection, request, http2RequestHead(headers, flags)));
    // The client has been told by GOAWAY, and every stream by its end.
    session.on('error', (error) => listener.malformed(`an HTTP/2 connection failed: ${error.message}`));
    // HTTP/2 knows no half-open connection: a client that ends its side cannot even open the window for its answers.
    stream.once('end', () => stream.destroy());
    stream.once('close', () => {
      connections.delete(connection);
      deadline.cancel();
    });
    // Until the first request: a preface or a header block that never ends opens no stream.
    deadline.arm(limits.headMs);
    if (draining) close(connection);
  }

  function drain(): void {
    draining = true;
    for (const connection of connections) close(connection);
  }

  function serve(connection: Connection, stream: ServerHttp2Stream, head: RequestHead): void {
    if (connection.running++ === 0) connection.deadline.arm(limits.pongMs);
    // Failures show as `gone`; without a listener they would end the process.
    stream.on('error', () => undefined);
    stream.once('close', () => onServed(connection));
    if (head.method === 'CONNECT') {
      stream.respond({ ':status': 405 }, { endStream: true });
      return;
    }
    void connection.listener.request(createHttp2Downstream(stream, head));
  }

  function onServed(connection: Connection): void {
    connection.running--;
    if (connection.running > 0) return;
    connection.deadline.arm(connection.session.closed ? limits.lingerMs : limits.idleMs);
  }

  function onDeadline(connection: Connection): void {
    if (connection.running > 0) probe(connection);
    else if (connection.session.closed) connection.stream.destroySoon();
    else close(connection);
  }

  /**
   * nghttp2 answers some violations by GOAWAY and reads no more, without a word to node:http2: requests under way then
   * wait for ever for a client that cannot be heard. Only an unanswered PING tells.
   */
  function probe(connection: Connection): void {
    const { session, stream, deadline } = connection;
    const sent =
      !connection.probing &&
      !session.destroyed &&
      session.ping(() => {
        connection.probing = false;
      });
    if (!sent) {
      stream.destroy();
      return;
    }
    connection.probing = true;
    deadline.arm(limits.pongMs);
  }

  /** GOAWAY; running requests finish, and a client that then keeps the connection has `lingerMs`. */
  function close(connection: Connection): void {
    if (connection.session.closed) return;
    connection.session.close();
    if (connection.running === 0) connection.deadline.arm(limits.lingerMs);
  }
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
