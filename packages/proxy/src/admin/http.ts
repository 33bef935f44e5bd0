/**
 * The small HTTP/1.1 servers of the proxy: readiness, metrics, admin. A server is a table of routes; unknown paths are
 * 404, known paths with another method 405. Bounds as ztunnel's: 8 KiB of headers, 2 s to send them, no request bodies;
 * and, since all of the cluster reaches two of them, so many connections, one page at a time for each.
 * Texts of more than `GZIP_FROM_BYTES` are compressed for those who ask; streams are sent as they come.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import type { Logger, Scope } from '@isthmus/sdk/runtime';
import type { ListenAddress } from '../config.js';

export interface Answer {
  readonly status: number;
  /** Text, or text in pieces where it may be longer than a string can be, or bytes. */
  readonly body: string | Iterable<string> | Readable;
  /** Default `text/plain; charset=utf-8`. */
  readonly contentType?: string;
  /** Offered as a download of that name. */
  readonly fileName?: string;
}

export interface Route {
  /** GET answers HEAD as well. */
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** One line for the index page. */
  readonly summary: string;
  /** `signal` aborts when the client leaves. */
  handle(query: URLSearchParams, signal: AbortSignal): Answer | Promise<Answer>;
}

export interface HttpInit {
  readonly address: ListenAddress;
  readonly routes: readonly Route[];
  readonly log: Logger;
  /** A reason to refuse the request before any route sees it. */
  readonly guard?: (request: IncomingMessage) => string | undefined;
  /** Default `MAX_CONNECTIONS`. */
  readonly maxConnections?: number;
  /** After how long a reader of text that takes nothing is left. Default `STALLED_MS`. */
  readonly stalledMs?: number;
}

/** A scraper, a kubelet and an operator need three. */
const MAX_CONNECTIONS = 256;
const STALLED_MS = 30_000;

/** Less is one packet anyway. */
const GZIP_FROM_BYTES = 1_400;
const PIECES_AHEAD = 2;
const compress = promisify(gzip);

/** Resolves with the bound port; rejects with the system's error when it cannot be bound. */
export async function serveHttp(scope: Scope, init: HttpInit): Promise<number> {
  const server = createServer(
    {
      maxHeaderSize: 8_192,
      headersTimeout: 2_000,
      requestTimeout: 10_000,
      keepAliveTimeout: 5_000,
      // How often the two before it are looked at; Node's 30 s would make them that.
      connectionsCheckingInterval: 1_000,
    },
    oneByOne,
  );
  server.maxConnections = init.maxConnections ?? MAX_CONNECTIONS;
  const answering = new WeakSet<Socket>();

  /** Pipelined, a packet would ask for a thousand pages, each made at once and held until the first has been read. */
  function oneByOne(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (answering.has(socket)) return void socket.destroy();
    answering.add(socket);
    response.once('finish', () => answering.delete(socket));
    void respond(request, response, init);
  }

  scope.own(() => closing(server));
  await listening(server, init.address);
  server.on('error', (error) => init.log.warn({ err: error, ...init.address }, 'HTTP server error'));
  const bound = server.address();
  return typeof bound === 'object' && bound ? bound.port : init.address.port;
}

async function respond(request: IncomingMessage, response: ServerResponse, init: HttpInit): Promise<void> {
  let answer: Answer;
  try {
    answer = await answerOf(request, response, init);
  } catch (error) {
    init.log.error({ err: error, path: request.url }, 'a route failed');
    answer = { status: 500, body: 'internal error, see the log\n' };
  }
  const { status, body, contentType = 'text/plain; charset=utf-8', fileName } = answer;
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.setHeader('x-content-type-options', 'nosniff');
  if (fileName !== undefined) response.setHeader('content-disposition', `attachment; filename="${fileName}"`);
  if (status === 405) response.setHeader('allow', allowed(request, init.routes).join(', '));
  if (!(body instanceof Readable)) request.socket.setTimeout(init.stalledMs ?? STALLED_MS);
  await send(request, response, body).catch((error) => {
    // The client left, or the source failed: either way the answer is cut short, and a client sees that it is.
    init.log.debug({ err: error, path: request.url }, 'an answer ended early');
    response.destroy();
  });
  request.resume();
}

async function send(request: IncomingMessage, response: ServerResponse, body: Answer['body']): Promise<void> {
  if (typeof body === 'string') return sendText(request, response, Buffer.from(body));
  // The first piece may be long in coming.
  const isText = !(body instanceof Readable);
  const packed = isText && acceptsGzip(request);
  if (packed) encoded(response);
  response.flushHeaders();
  if (request.method === 'HEAD') {
    if (!isText) body.destroy();
    response.end();
    return;
  }
  const source = isText ? Readable.from(body, { highWaterMark: PIECES_AHEAD }) : body;
  if (packed) await pipeline(source, createGzip(), response);
  else await pipeline(source, response);
}

async function sendText(request: IncomingMessage, response: ServerResponse, text: Buffer): Promise<void> {
  let bytes = text;
  if (bytes.length >= GZIP_FROM_BYTES && acceptsGzip(request)) {
    bytes = await compress(bytes);
    encoded(response);
  }
  response.setHeader('content-length', bytes.length);
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

function encoded(response: ServerResponse): void {
  response.setHeader('content-encoding', 'gzip');
  response.setHeader('vary', 'accept-encoding');
}

function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(String(headers['accept-encoding'] ?? ''));
}

function answerOf(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, guard }: HttpInit,
): Answer | Promise<Answer> {
  const refusal = guard?.(request);
  if (refusal !== undefined) return { status: 403, body: `${refusal}\n` };
  const { pathname, searchParams } = urlOf(request);
  const here = routes.filter(({ path }) => path === pathname);
  if (here.length === 0) return { status: 404, body: `nothing here; see / for what there is\n` };
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const route = here.find((each) => each.method === method);
  if (!route) return { status: 405, body: `${pathname} answers ${allowed(request, routes).join(', ')}\n` };
  const left = new AbortController();
  response.once('close', () => left.abort());
  return route.handle(searchParams, left.signal);
}

function allowed(request: IncomingMessage, routes: readonly Route[]): readonly string[] {
  const { pathname } = urlOf(request);
  return routes.filter(({ path }) => path === pathname).map(({ method }) => method);
}

function urlOf(request: IncomingMessage): URL {
  const target = request.url ?? '/';
  // A target in absolute form, or nonsense, must not choose the base it is read against.
  return URL.canParse(target, 'http://proxy') ? new URL(target, 'http://proxy') : new URL('http://proxy/');
}

function listening(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closing(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
