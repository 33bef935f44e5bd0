/** One HTTP/2 request as `forward.ts` sees it. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Downstream, Fields, RequestHead, ResponseHead } from './exchange.js';
import { fieldValue } from './headers.js';
import { receivedFields, sendableFields, sendTrailers } from './http2-fields.js';

export function createHttp2Downstream(stream: ServerHttp2Stream, head: RequestHead): Downstream {
  const gone = new AbortController();
  let received: Fields = [];
  /** Set by `finish` only. Breaking off makes node:http2 end its side too, and a stream without trailers looks complete. */
  let pending: Fields | undefined;
  let bodyless = false;
  stream.on('trailers', (headers) => {
    received = receivedFields(headers).fields;
  });
  stream.on('wantTrailers', () => {
    if (pending === undefined) return;
    sendTrailers(stream, pending);
    stopRequest(stream);
  });
  stream.once('close', () => gone.abort());

  return {
    version: 'http2',
    head,
    body: stream,
    trailers: () => received,
    gone: gone.signal,
    inform(status, fields) {
      // 101 does not exist in HTTP/2 (RFC 9113 section 8.6); an application may send it all the same.
      if (stream.headersSent || stream.closed || stream.destroyed || status === 101) return;
      stream.additionalHeaders(sendableFields({ ':status': status }, fields));
    },
    respond(answer) {
      bodyless = isBodyless(head, answer);
      const headers = sendableFields({ ':status': answer.status }, answer.fields, answer.sensitive);
      if (!stream.destroyed) stream.respond(headers, bodyless ? { endStream: true } : { waitForTrailers: true });
      return bodyless ? 'no-body' : stream;
    },
    finish(trailers) {
      pending = trailers;
      if (!stream.writableEnded) stream.end();
      if (bodyless) stopRequest(stream);
      return over(stream);
    },
    switchProtocols() {
      throw new Error('HTTP/2 has no upgrade (RFC 9113 section 8.6)');
    },
    abort(http2Code = constants.NGHTTP2_INTERNAL_ERROR) {
      stream.close(http2Code);
    },
  };
}

export function http2RequestHead(headers: IncomingHttpHeaders, flags: number): RequestHead {
  const { pseudo, fields: lines, sensitive } = receivedFields(headers);
  const authority = pseudo[':authority'];
  // A Host that says another thing would be believed by whoever reads that (RFC 9113 section 8.3.1); Envoy drops it too.
  const fields = authority === undefined ? lines : lines.filter(([name]) => name !== 'host');
  const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  const counted = fieldValue(fields, 'content-length') !== undefined;
  return {
    method: pseudo[':method'] ?? 'GET',
    target: pseudo[':path'] ?? '/',
    authority: authority ?? fieldValue(fields, 'host') ?? '',
    scheme: pseudo[':scheme'] ?? 'http',
    fields,
    sensitive,
    framing: ended ? 'none' : counted ? 'length' : 'stream',
  };
}

function isBodyless(request: RequestHead, answer: ResponseHead): boolean {
  return answer.ended || request.method === 'HEAD' || answer.status === 204 || answer.status === 304;
}

/** Resolves when the last frame is out and nothing more is awaited. */
function over(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', resolve);
  });
}

/**
 * The answer is complete. If the request is not, RFC 9113 section 8.1 asks for no more of it by RST_STREAM(NO_ERROR); what
 * has arrived is thrown away, or the stream would never be seen to end. nghttp2 drops queued frames of a stream that is
 * being reset, so the reset waits until the client has acknowledged a PING, which goes out after them.
 */
function stopRequest(stream: ServerHttp2Stream): void {
  if (stream.readableEnded || stream.closed || stream.destroyed) return;
  stream.resume();
  // `wantTrailers` comes from within nghttp2, where nothing else of its session may be touched.
  setImmediate(() => {
    const { session } = stream;
    if (stream.closed || stream.destroyed || !session || session.destroyed) return;
    session.ping(() => {
      if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  });
}
