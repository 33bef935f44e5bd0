/**
 * HTTP/1.1 on the client's side: parses with node:http over any Duplex, answers one request at a time in order, and keeps
 * the deadlines that node:http ties to sockets it listens for itself. Tunnels WebSocket upgrades; any other upgrade is
 * optional by RFC 9110 section 7.8 and is served as the ordinary request it also is.
 */
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClosableStream } from './closing.js';
import { createDeadline, type Deadline } from './deadline.js';
import { fieldsOfRaw, fieldTokens, fieldValue } from './headers.js';
import type { DownstreamListener, HttpServer, HttpServerInit } from './http-server.js';
import { createHttp1Downstream, type Http1DownstreamInit } from './http1-downstream.js';
import type { HttpLimits } from './limits.js';

interface Connection {
  readonly stream: ClosableStream;
  readonly listener: DownstreamListener;
  readonly gone: AbortController;
  readonly deadline: Deadline;
  /** Requests received and not yet answered. */
  waiting: number;
  /** The end of the queue of requests. */
  tail: Promise<void>;
  phase: 'idle' | 'head' | 'busy' | 'switched';
  closing: boolean;
}

type RequestKind = Pick<Http1DownstreamInit, 'expectsContinue' | 'upgradeHead'>;

export function createHttp1Server({ limits, clock }: HttpServerInit): HttpServer {
  const connections = new Map<Duplex, Connection>();
  let draining = false;
  const server = createParser(limits);

  server.on('request', (request, response) => onRequest(request, response, 'body'));
  server.on('checkContinue', (request, response) => onRequest(request, response, 'held-back'));
  server.on('upgrade', (request, stream, rest) => onUpgrade(request, stream, rest));
  server.on('connect', (_request, stream) => answerAndClose(connections.get(stream), '405 Method Not Allowed'));
  server.on('clientError', (error: NodeJS.ErrnoException, stream) => onClientError(error, stream));

  return { accept, drain };

  function accept(stream: ClosableStream, listener: DownstreamListener): void {
    const gone = new AbortController();
    const deadline = createDeadline(clock, () => onDeadline(connection));
    const connection: Connection = {
      stream,
      listener,
      gone,
      deadline,
      waiting: 0,
      tail: Promise.resolve(),
      phase: 'idle',
      closing: draining,
    };
    connections.set(stream, connection);
    stream.on('error', () => undefined);
    stream.on('data', () => onBytes(connection));
    stream.once('end', () => onClientEnd(connection));
    stream.once('close', () => {
      connections.delete(stream);
      deadline.cancel();
      gone.abort();
    });
    // A client that opened the tunnel to say nothing has no longer than one that stops in the middle of a head.
    deadline.arm(limits.headMs);
    server.emit('connection', stream);
    // Whoever read first bytes has paused it, and listening alone does not undo that.
    stream.resume();
  }

  function drain(): void {
    draining = true;
    for (const connection of connections.values()) {
      connection.closing = true;
      if (connection.waiting === 0) connection.stream.destroySoon();
    }
  }

  function onBytes(connection: Connection): void {
    if (connection.phase !== 'idle') return;
    connection.phase = 'head';
    connection.deadline.arm(limits.headMs);
  }

  function onDeadline(connection: Connection): void {
    if (connection.phase === 'head') answerAndClose(connection, '408 Request Timeout');
    else connection.stream.destroySoon();
  }

  /** A client that ends its side in the middle of an exchange has given up on it, as for Envoy. */
  function onClientEnd(connection: Connection): void {
    if (connection.phase === 'busy') connection.stream.destroy();
  }

  function onRequest(request: IncomingMessage, response: ServerResponse, body: 'body' | 'held-back'): void {
    const connection = connections.get(request.socket);
    if (connection === undefined || connection.stream.destroyed) return;
    // Reported by `gone`; without listeners they would end the process.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    if (request.rawHeaders.length / 2 > limits.headFields) {
      connection.listener.malformed(
        `a request head of ${request.rawHeaders.length / 2} lines, over ${limits.headFields}`,
      );
      answerAndClose(connection, '431 Request Header Fields Too Large');
      return;
    }
    enqueue(connection, request, response, { expectsContinue: body === 'held-back' });
  }

  function enqueue(
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    kind: RequestKind,
  ): void {
    if (connection.waiting >= limits.pipelined) {
      connection.listener.malformed(`over ${limits.pipelined} requests waiting on one connection`);
      connection.stream.destroy();
      return;
    }
    connection.waiting++;
    connection.phase = 'busy';
    connection.deadline.cancel();
    const exchange = createHttp1Downstream({
      ...kind,
      request,
      response,
      stream: connection.stream,
      gone: connection.gone.signal,
      isLast: () => connection.closing,
      onSwitched: () => {
        connection.phase = 'switched';
      },
    });
    connection.tail = connection.tail
      .then(() => connection.listener.request(exchange))
      .then(() => onAnswered(connection, request));
  }

  function onAnswered(connection: Connection, request: IncomingMessage): void {
    connection.waiting--;
    if (connection.phase === 'switched' || connection.stream.destroyed) return;
    // The answer came before the request was all there; what is left of it has no reader.
    if (!request.complete) {
      request.resume();
      connection.stream.destroySoon();
    }
    if (connection.waiting > 0) return;
    connection.phase = 'idle';
    if (connection.closing) connection.stream.destroySoon();
    else connection.deadline.arm(limits.idleMs);
  }

  function onUpgrade(request: IncomingMessage, stream: Duplex, rest: Buffer): void {
    const connection = connections.get(stream);
    if (connection === undefined) return;
    if (!asksForWebSocket(request)) {
      stream.unshift(Buffer.concat([Buffer.from(headWithoutUpgrade(request), 'latin1'), rest]));
      server.emit('connection', stream);
      return;
    }
    // node:http has let go of the stream; should the application decline, its answer still needs an HTTP/1.1 framing.
    const response = new ServerResponse(request);
    response.on('error', () => undefined);
    response.shouldKeepAlive = false;
    response.assignSocket(stream as Socket);
    response.once('finish', () => connection.stream.destroySoon());
    enqueue(connection, request, response, { expectsContinue: false, upgradeHead: rest });
  }

  function onClientError(error: NodeJS.ErrnoException, stream: Duplex): void {
    const connection = connections.get(stream);
    connection?.listener.malformed(`a request that is not HTTP/1.1: ${error.code ?? error.message}`);
    const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
    answerAndClose(connection, tooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request');
  }

  /** Only when no answer is on its way, or its bytes would land in the middle of that one. */
  function answerAndClose(connection: Connection | undefined, status: string): void {
    if (connection === undefined) return;
    const { stream, waiting } = connection;
    if (stream.writable && waiting === 0) {
      stream.write(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    }
    stream.destroySoon();
  }
}

function createParser(limits: HttpLimits): Server {
  const server = createServer({ maxHeaderSize: limits.headBytes });
  // node:http would silently drop what is over its count; `onRequest` refuses instead.
  server.maxHeadersCount = 0;
  server.keepAliveTimeout = 0;
  return server;
}

/** RFC 6455 section 4.1: a GET, and one without a body, or the tunnel's first bytes could not be told from it. */
function asksForWebSocket(request: IncomingMessage): boolean {
  const fields = fieldsOfRaw(request.rawHeaders);
  const bodyless =
    fieldValue(fields, 'transfer-encoding') === undefined && Number(fieldValue(fields, 'content-length') ?? 0) === 0;
  return request.method === 'GET' && bodyless && fieldTokens(fields, 'upgrade').includes('websocket');
}

/** The head as it came, for a second parse that finds no upgrade in it (Java's HttpClient offers h2c on every first request). */
function headWithoutUpgrade(request: IncomingMessage): string {
  const lines = fieldsOfRaw(request.rawHeaders)
    .filter(([name]) => !['upgrade', 'http2-settings'].includes(name.toLowerCase()))
    .map(
      ([name, value]) => `${name}: ${name.toLowerCase() === 'connection' ? withoutUpgradeTokens(value) : value}\r\n`,
    );
  return `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n${lines.join('')}\r\n`;
}

function withoutUpgradeTokens(value: string): string {
  return value
    .split(',')
    .filter((token) => !['upgrade', 'http2-settings'].includes(token.trim().toLowerCase()))
    .join(',');
}
