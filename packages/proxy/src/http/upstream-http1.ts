/**
 * HTTP/1.1 towards an application: one request at a time over one tunnel, kept alive between requests. node:http writes
 * and parses; an Agent of one socket lets it reuse the tunnel. Bytes an application sends without being asked close the
 * connection: they would be taken for the answer to the next request.
 */
import { Agent, type IncomingMessage, request as sendRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '@isthmus/sdk/wire';
import type {
  Answer,
  Field,
  Fields,
  RequestHead,
  ResponseHead,
  UpstreamExchange,
  UpstreamFailure,
} from './exchange.js';
import { fieldsOfRaw, fieldTokens, fieldValue, isUnknownCoding } from './headers.js';
import type { InformationListener, UpstreamConnection, UpstreamConnectionInit } from './upstream-connection.js';

export function createHttp1Connection({ originated, limits, events }: UpstreamConnectionInit): UpstreamConnection {
  const stream = originated.duplex();
  const agent = new TunnelAgent(stream);
  let state: 'idle' | 'busy' | 'closed' = 'idle';
  let retired = false;
  let served = 0;

  stream.on('error', () => undefined);
  stream.once('close', () => {
    state = 'closed';
    events.onClosed();
  });
  agent.on('free', onFree);
  watchIdle();

  return {
    originated,
    get outstanding() {
      return state === 'busy' ? 1 : 0;
    },
    get room() {
      return state === 'idle' && !retired ? 1 : 0;
    },
    send(head, listener) {
      state = 'busy';
      unwatchIdle();
      const reused = served++ > 0;
      try {
        return createExchange({ head, listener, agent, stream, reused, maxHeaderSize: limits.headBytes });
      } catch (error) {
        stream.destroy();
        throw new Fault('MALFORMED_REQUEST', `cannot be said in HTTP/1.1: ${String(error)}`, { cause: error });
      }
    },
    retire() {
      retired = true;
      if (state === 'idle') stream.destroy();
    },
    close: () => stream.destroy(),
  };

  /** The Agent found the connection fit for another request. */
  function onFree(): void {
    if (state === 'closed' || stream.destroyed) return;
    state = 'idle';
    if (retired) {
      stream.destroy();
      return;
    }
    watchIdle();
    events.onRoom();
  }
  function watchIdle(): void {
    stream.on('data', onUnasked).on('end', onUnasked);
  }
  function unwatchIdle(): void {
    stream.off('data', onUnasked).off('end', onUnasked);
  }
  function onUnasked(): void {
    stream.destroy();
  }
}

/** Hands its one stream to every request in turn. */
class TunnelAgent extends Agent {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    super({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 });
    this.#stream = stream;
    // Asked of sockets whenever they are used again; what holds the event loop is the transport under the tunnel.
    Object.assign(stream, { ref: () => stream });
  }
  override createConnection(): Duplex {
    return this.#stream;
  }
  /** The inherited one sets options of TCP sockets, which a tunnel does not have. */
  override keepSocketAlive(): boolean {
    return true;
  }
}

interface ExchangeInit {
  readonly head: RequestHead;
  readonly listener: InformationListener;
  readonly agent: Agent;
  readonly stream: Duplex;
  readonly reused: boolean;
  readonly maxHeaderSize: number;
}

function createExchange({ head, listener, agent, stream, reused, maxHeaderSize }: ExchangeInit): UpstreamExchange {
  const { method, target: path } = head;
  const request = sendRequest({ agent, method, path, headers: requestLines(head), setHost: false, maxHeaderSize });
  let failure: UpstreamFailure | undefined;
  let answered = false;
  if (head.framing !== 'none') request.flushHeaders();

  const answer = new Promise<Answer>((resolve) => {
    request.on('information', (info) => listener(info.statusCode, fieldsOfRaw(info.rawHeaders)));
    request.on('response', (response) => {
      answered = true;
      response.on('error', (error) => fail(error));
      const strange = strangenessOf(response);
      if (strange !== undefined) {
        stream.destroy();
        return resolve({ kind: 'failed', failure: unreadable(strange) });
      }
      // Without keep-alive node:http only ends its side, and waits for an application that may never end its own.
      response.once('end', () => {
        if (!request.shouldKeepAlive || !request.writableEnded) stream.destroy();
      });
      resolve(responseAnswer(response));
    });
    if (head.upgrade !== undefined) {
      request.on('upgrade', (response, upgraded, rest) => resolve(switchedAnswer(response, upgraded, rest)));
    }
    request.on('error', (error) => resolve({ kind: 'failed', failure: fail(error) }));
    request.once('close', () => {
      if (!answered) resolve({ kind: 'failed', failure: fail(undefined) });
    });
  });

  return {
    sink: request,
    finish(trailers) {
      if (trailers.length > 0 && head.framing === 'stream') request.addTrailers([...trailers] as [string, string][]);
      request.end();
    },
    answer,
    failure: () => failure,
    abort() {
      // Complete, node:http has let go of the connection, and another request may be on it.
      if (!request.destroyed) stream.destroy();
    },
  };

  function fail(error: NodeJS.ErrnoException | undefined): UpstreamFailure {
    failure ??= failureOf(error, reused);
    return failure;
  }
}

/** What node:http reads, and what cannot be passed on. */
function strangenessOf({ statusCode = 0, rawHeaders }: IncomingMessage): string | undefined {
  if (statusCode < 200) return `the status ${statusCode}`;
  const codings = fieldTokens(fieldsOfRaw(rawHeaders), 'transfer-encoding');
  // The body would reach the client in that coding, with nothing left that says so.
  return isUnknownCoding(codings) ? `the transfer coding "${codings.join(', ')}"; only chunked is known` : undefined;
}

function unreadable(strange: string): UpstreamFailure {
  return { code: 'UPSTREAM_PROTOCOL_ERROR', message: `an answer with ${strange}`, processed: 'maybe' };
}

/** llhttp's errors say the application broke the protocol; anything else is the connection's end. */
function failureOf(error: NodeJS.ErrnoException | undefined, reused: boolean): UpstreamFailure {
  const story = error?.message ?? 'the connection closed';
  if (error?.code?.startsWith('HPE_')) {
    return { code: 'UPSTREAM_PROTOCOL_ERROR', message: `not an HTTP/1.1 answer: ${story}`, processed: 'maybe' };
  }
  const which = reused ? 'a kept-alive connection ended' : 'the connection ended';
  return { code: 'TUNNEL_LOST', message: `${which} before the answer was complete: ${story}`, processed: 'maybe' };
}

/** Lines of the next hop: those of the client, in their order, and the framing as this connection does it. */
function requestLines(head: RequestHead): string[] {
  // node:http will not send Trailer where no chunks follow.
  const lines: Field[] = head.fields.filter(([name]) => head.framing === 'stream' || name.toLowerCase() !== 'trailer');
  const connection: string[] = [];
  if (fieldValue(lines, 'host') === undefined) lines.unshift(['Host', head.authority]);
  if (fieldValue(lines, 'te') !== undefined) connection.push('TE');
  if (head.upgrade !== undefined) {
    lines.push(['Upgrade', head.upgrade]);
    connection.push('Upgrade');
  }
  if (head.framing === 'stream') lines.push(['Transfer-Encoding', 'chunked']);
  else if (fieldValue(lines, 'content-length') === undefined && !HAS_NO_BODY.has(head.method)) {
    // node:http would announce a chunked body where the client sent none.
    lines.push(['Content-Length', '0']);
  }
  if (connection.length > 0) lines.push(['Connection', connection.join(', ')]);
  return lines.flat();
}

/** Methods for which node:http assumes no body when nothing is said. */
const HAS_NO_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

function responseAnswer(response: IncomingMessage): Answer {
  const trailers = (): Fields => fieldsOfRaw(response.rawTrailers);
  return { kind: 'response', head: responseHead(response), body: response, trailers };
}

function switchedAnswer(response: IncomingMessage, stream: Socket | Duplex, rest: Buffer): Answer {
  if (rest.length > 0) stream.unshift(rest);
  return { kind: 'switched', head: responseHead(response), stream };
}

/** Of a reason phrase (RFC 9112 section 4). Another one means nothing either, and node:http will not send it. */
const PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;

function responseHead(response: IncomingMessage): ResponseHead {
  const { statusMessage } = response;
  return {
    status: response.statusCode ?? 0,
    ...(statusMessage !== undefined && PHRASE.test(statusMessage) && { reason: statusMessage }),
    fields: fieldsOfRaw(response.rawHeaders),
    sensitive: [],
    ended: false,
  };
}
