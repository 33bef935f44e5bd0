/**
 * HTTP/2 with prior knowledge towards an application: many requests at once over one tunnel. A graceful GOAWAY retires the
 * connection; requests the application says it never looked at are marked so, and may be sent again whatever they are.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { Fault } from '@isthmus/sdk/wire';
import type { Answer, Fields, RequestHead, ResponseHead, UpstreamExchange, UpstreamFailure } from './exchange.js';
import { receivedFields, sendableFields, sendTrailers } from './http2-fields.js';
import type { HttpLimits } from './limits.js';
import type { InformationListener, UpstreamConnection, UpstreamConnectionInit } from './upstream-connection.js';

export function createHttp2Connection({ originated, limits, events }: UpstreamConnectionInit): UpstreamConnection {
  const stream = originated.duplex();
  const session = openSession(() => stream, limits);
  let outstanding = 0;
  let retired = false;

  stream.on('error', () => undefined);
  stream.once('close', () => events.onClosed());
  // node:http2 ends its side when the session is over, and would wait for an application that never ends its own.
  stream.once('finish', () => stream.destroy());
  session.on('error', () => stream.destroy());
  session.on('goaway', () => {
    retired = true;
  });
  // The peer may allow more streams than was assumed before its SETTINGS came.
  session.on('remoteSettings', () => events.onRoom());

  return {
    originated,
    get outstanding() {
      return outstanding;
    },
    get room() {
      if (retired || session.closed || session.destroyed || stream.destroyed) return 0;
      return Math.max(0, streamLimit(session, limits) - outstanding);
    },
    send(head, listener) {
      const request = startRequest(session, head);
      outstanding++;
      request.once('close', onRequestClosed);
      return createExchange(request, listener, () => stream.destroyed || session.destroyed);
    },
    retire,
    close: () => stream.destroy(),
  };

  function onRequestClosed(): void {
    outstanding--;
    if (!retired) events.onRoom();
  }
  /** GOAWAY now, the end after the last request. */
  function retire(): void {
    retired = true;
    session.close();
  }
}

function openSession(
  createConnection: () => ReturnType<UpstreamConnectionInit['originated']['duplex']>,
  limits: HttpLimits,
) {
  // The authority in the URL is never sent: every request brings the client's own.
  return connect('http://upstream.invalid', {
    createConnection,
    maxHeaderListPairs: limits.headFields,
    peerMaxConcurrentStreams: limits.upstreamStreams,
    settings: { initialWindowSize: limits.streamWindowBytes, maxHeaderListSize: limits.headBytes, enablePush: false },
  });
}

function startRequest(session: ClientHttp2Session, head: RequestHead): ClientHttp2Stream {
  const bodyless = head.framing === 'none';
  try {
    return session.request(requestHeaders(head), { endStream: bodyless, waitForTrailers: !bodyless });
  } catch (error) {
    const code = session.closed || session.destroyed ? 'TUNNEL_LOST' : 'MALFORMED_REQUEST';
    throw new Fault(code, `cannot be sent on this HTTP/2 connection: ${String(error)}`, { cause: error });
  }
}

function streamLimit(session: ClientHttp2Session, limits: HttpLimits): number {
  return Math.min(session.remoteSettings.maxConcurrentStreams ?? limits.upstreamStreams, limits.upstreamStreams);
}

function requestHeaders(head: RequestHead) {
  const pseudo = {
    ':method': head.method,
    ':scheme': head.scheme,
    ':path': head.target,
    ':authority': head.authority,
  };
  return sendableFields(pseudo, head.fields, head.sensitive);
}

function createExchange(
  request: ClientHttp2Stream,
  listener: InformationListener,
  connectionLost: () => boolean,
): UpstreamExchange {
  /** Set by `finish` only; see http2-downstream.ts. */
  let pending: Fields | undefined;
  let received: Fields = [];
  let errored: Error | undefined;
  request.on('wantTrailers', () => {
    if (pending !== undefined) sendTrailers(request, pending);
  });
  request.on('trailers', (headers) => {
    received = receivedFields(headers).fields;
  });
  request.on('headers', (headers) => {
    const { pseudo, fields } = receivedFields(headers);
    listener(Number(pseudo[':status']), fields);
  });
  request.on('error', (error) => {
    errored = error;
  });

  const answer = new Promise<Answer>((resolve) => {
    request.once('response', (headers, flags) => {
      const head = responseHead(headers, flags);
      if (isStatus(head.status)) resolve({ kind: 'response', head, body: request, trailers: () => received });
      else resolve({ kind: 'failed', failure: unreadable(head) });
    });
    request.once('close', () => {
      resolve({ kind: 'failed', failure: failureNow() });
    });
  });

  function failureNow(): UpstreamFailure {
    return failureOf(request.rstCode ?? 0, errored, connectionLost());
  }

  return {
    sink: request,
    finish(trailers) {
      pending = trailers;
      request.end();
    },
    answer,
    failure: () => (request.aborted || request.rstCode !== 0 ? failureNow() : undefined),
    abort() {
      // A finished stream is left alone; RST_STREAM after its end would only count against this client.
      if (!request.closed) request.close(constants.NGHTTP2_CANCEL);
    },
  };
}

/** What node:http2 takes when it is passed on. */
function isStatus(status: number): boolean {
  return status >= 200 && status <= 599;
}

function unreadable({ status }: ResponseHead): UpstreamFailure {
  return { code: 'UPSTREAM_PROTOCOL_ERROR', message: `an answer with the status ${status}`, processed: 'maybe' };
}

function responseHead(headers: Parameters<typeof receivedFields>[0], flags: number): ResponseHead {
  const { pseudo, fields, sensitive } = receivedFields(headers);
  const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  return { status: Number(pseudo[':status']), fields, sensitive, ended };
}

/** What a stream's end says, when it ended without or in the middle of an answer. */
function failureOf(http2Code: number, error: Error | undefined, connectionLost: boolean): UpstreamFailure {
  const story = error?.message ?? `code ${http2Code}`;
  // RFC 9113 sections 6.8 and 8.7: refused, and beyond the last stream of a GOAWAY, both mean never looked at.
  if (http2Code === constants.NGHTTP2_REFUSED_STREAM) {
    return { code: 'UPSTREAM_RESET', message: 'the application refused the stream', processed: 'no', http2Code };
  }
  if (connectionLost) {
    return { code: 'TUNNEL_LOST', message: `the connection ended: ${story}`, processed: 'maybe' };
  }
  return {
    code: 'UPSTREAM_RESET',
    message: `the application reset the stream: ${story}`,
    processed: 'maybe',
    http2Code,
  };
}
