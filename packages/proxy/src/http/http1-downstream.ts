/** One HTTP/1.1 request as `forward.ts` sees it. Framing of the answer (length, chunks, close) is node:http's. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import type { Downstream, Fields, RequestHead, ResponseHead } from './exchange.js';
import { fieldsOfRaw, fieldValue } from './headers.js';

export interface Http1DownstreamInit {
  readonly head: RequestHead;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly stream: Duplex;
  readonly gone: AbortSignal;
  /** The client asked with `Expect: 100-continue` and holds its body back. */
  readonly expectsContinue: boolean;
  /** Present when the request asks for an upgrade that is tunnelled: bytes that came after its head. */
  readonly upgradeHead?: Buffer;
  /** Whether the connection ends after this answer; asked when the answer begins. */
  isLast(): boolean;
  /** From now on the stream carries another protocol. */
  onSwitched(): void;
}

export function createHttp1Downstream(init: Http1DownstreamInit): Downstream {
  const { head, request, response, stream, gone, upgradeHead } = init;
  let bodyHeldBack = init.expectsContinue;

  return {
    version: 'http1',
    head,
    // After an upgrade's head come bytes of the next protocol; they are the tunnel's, not a body.
    body: upgradeHead === undefined ? request : Readable.from([]),
    trailers: () => fieldsOfRaw(request.rawTrailers),
    gone,
    inform(status, fields) {
      if (status === 100) bodyHeldBack = false;
      writeInformation(response, status, fields);
    },
    respond(answer) {
      // RFC 9110 section 10.1.1: the client may now leave its body out, and then the next request cannot be told from it.
      if (init.isLast() || (bodyHeldBack && !request.complete)) response.shouldKeepAlive = false;
      response.writeHead(answer.status, answer.reason, flatten(fieldsFor(answer, request, response)));
      return response;
    },
    finish: (trailers) => finish(response, trailers),
    switchProtocols(answer) {
      response.detachSocket(stream as Socket);
      init.onSwitched();
      stream.write(rawHead(answer), 'latin1');
      if (upgradeHead !== undefined && upgradeHead.length > 0) stream.unshift(upgradeHead);
      return stream;
    },
    abort() {
      stream.destroy();
    },
  };
}

/** Trailer announces what follows the chunks, and node:http will not send it where there are no chunks. */
function fieldsFor({ fields, status }: ResponseHead, request: IncomingMessage, response: ServerResponse): Fields {
  const bodyless = request.method === 'HEAD' || status === 204 || status === 304;
  const counted = fieldValue(fields, 'content-length') !== undefined;
  const chunked = response.useChunkedEncodingByDefault && !counted && !bodyless;
  return chunked ? fields : fields.filter(([name]) => name.toLowerCase() !== 'trailer');
}

/** node:http offers 100, 102 and 103 only; another 1xx carries nothing a client must see (RFC 9110 section 15.2). */
function writeInformation(response: ServerResponse, status: number, fields: Fields): void {
  if (response.headersSent) return;
  if (status === 100) response.writeContinue();
  else if (status === 102) response.writeProcessing();
  else if (status === 103) writeEarlyHints(response, fields);
}

function writeEarlyHints(response: ServerResponse, fields: Fields): void {
  const hints: Record<string, string[]> = {};
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    hints[lower] = [...(hints[lower] ?? []), value];
  }
  try {
    response.writeEarlyHints(hints);
  } catch {
    // node:http knows a narrower grammar of Link than applications use. A hint may be left out; the answer may not.
  }
}

function finish(response: ServerResponse, trailers: Fields): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve();
    response.once('finish', resolve);
    response.once('close', resolve);
    // Only a chunked body has a place for them; a client that spoke HTTP/1.0, or was told a length, goes without.
    if (trailers.length > 0) response.addTrailers(trailers.map(([name, value]) => [name, value] as [string, string]));
    response.end();
  });
}

function rawHead(head: ResponseHead): string {
  const lines = head.fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${head.status} ${head.reason ?? ''}\r\n${lines}\r\n`;
}

/** node:http takes name, value, name, value and then keeps order, case and repetition. */
function flatten(fields: Fields): string[] {
  return fields.flat();
}
