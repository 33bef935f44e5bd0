/**
 * HTTP/1.1 on the client's side: one node:http parser for every stream, told of streams it does not listen for itself.
 * Tunnels WebSocket upgrades; any other upgrade is served as the ordinary request it also is. Refuses CONNECT.
 */
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClosableStream } from './closing.js';
import type { DownstreamListener, HttpServer, HttpServerInit } from './http-server.js';
import { Http1ServerConnection, type RequestKind } from './http1-connection.js';
import { readHead } from './http1-head.js';
import { asksForWebSocket, headWithoutUpgrade } from './http1-upgrade.js';

export function createHttp1Server(init: HttpServerInit): HttpServer {
  return new Http1Server(init);
}

class Http1Server implements HttpServer {
  readonly #init: HttpServerInit;
  readonly #parser: Server;
  readonly #connections = new Map<Duplex, Http1ServerConnection>();
  #draining = false;

  constructor(init: HttpServerInit) {
    this.#init = init;
    // Host is looked at with the rest of the head, where a refusal ends the connection as any other.
    this.#parser = createServer({ maxHeaderSize: init.limits.headBytes, requireHostHeader: false });
    // node:http would silently drop what is over its count; `#received` refuses instead.
    this.#parser.maxHeadersCount = 0;
    this.#parser.keepAliveTimeout = 0;
    this.#parser.on('request', (request, response) => this.#received(request, response, false));
    this.#parser.on('checkContinue', (request, response) => this.#received(request, response, true));
    // Any other expectation is the application's to judge.
    this.#parser.on('checkExpectation', (request, response) => this.#received(request, response, false));
    this.#parser.on('upgrade', (request, stream, rest) => this.#upgrade(request, stream, rest));
    this.#parser.on('connect', (request, stream) => this.#refuseConnect(request, stream));
    this.#parser.on('clientError', (error: NodeJS.ErrnoException, stream) => this.#refuse(error, stream));
  }

  accept(stream: ClosableStream, listener: DownstreamListener): void {
    const { limits, clock } = this.#init;
    const onClosed = () => void this.#connections.delete(stream);
    const connection = new Http1ServerConnection({ stream, listener, limits, clock, onClosed });
    this.#connections.set(stream, connection);
    this.#parser.emit('connection', stream);
    // Whoever read first bytes has paused it, and listening alone does not undo that.
    stream.resume();
    if (this.#draining) connection.close();
  }

  drain(): void {
    this.#draining = true;
    for (const connection of this.#connections.values()) connection.close();
  }

  #received(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined || connection.rejected || connection.stream.destroyed) return;
    // Reported by `gone`; without listeners they would end the process.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    this.#enqueue(connection, { request, response }, { expectsContinue });
  }

  #upgrade(request: IncomingMessage, stream: Duplex, rest: Buffer): void {
    const connection = this.#connections.get(stream);
    if (connection === undefined || connection.rejected) return;
    // node:http has let go of the stream, and could not say where the answers before this one end.
    if (connection.answering) {
      connection.leave('an upgrade asked for before the answers due were out');
      return;
    }
    if (!asksForWebSocket(request)) {
      stream.unshift(Buffer.concat([Buffer.from(headWithoutUpgrade(request), 'latin1'), rest]));
      this.#parser.emit('connection', stream);
      return;
    }
    // node:http has let go of the stream; should the application decline, its answer still needs an HTTP/1.1 framing.
    const response = new ServerResponse(request);
    response.on('error', () => undefined);
    response.shouldKeepAlive = false;
    response.assignSocket(stream as Socket);
    response.once('finish', () => connection.stream.destroySoon());
    this.#enqueue(connection, { request, response }, { expectsContinue: false, upgradeHead: rest });
  }

  #enqueue(
    connection: Http1ServerConnection,
    { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
    kind: Omit<RequestKind, 'head'>,
  ): void {
    const { headFields } = this.#init.limits;
    const upgrade = kind.upgradeHead === undefined ? {} : ({ upgrade: 'websocket' } as const);
    const reading = readHead(request, { headFields, ...upgrade });
    if (reading.ok) connection.enqueue(request, response, { ...kind, head: reading.head });
    else connection.reject(reading.status, reading.reason);
  }

  #refuseConnect({ url }: IncomingMessage, stream: Duplex): void {
    this.#connections.get(stream)?.reject('405 Method Not Allowed', `CONNECT ${url} inside a tunnel`);
  }

  /** Also called when the client just went, even in the middle of a head; that is no mistake to answer. */
  #refuse({ code, message }: NodeJS.ErrnoException, stream: Duplex): void {
    const connection = this.#connections.get(stream);
    if (!code?.startsWith('HPE_') || code === 'HPE_INVALID_EOF_STATE') {
      stream.destroy();
      return;
    }
    const status = code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
    connection?.reject(status, `a request that is not HTTP/1.1: ${code}: ${message}`);
  }
}
