/**
 * The head of an HTTP/1.1 request, as node:http has parsed it: what it means, or why it is refused. Stricter than the
 * parser wherever two readers could understand two things. Pure.
 */
import type { IncomingMessage } from 'node:http';
import type { Field, Fields, RequestHead } from './exchange.js';
import { fieldsOfRaw, fieldTokens, fieldValue, isUnknownCoding } from './headers.js';

export type ParsedRequest = Pick<IncomingMessage, 'method' | 'url' | 'httpVersion' | 'rawHeaders'>;

export type HeadReading =
  | { readonly ok: true; readonly head: RequestHead }
  | {
      readonly ok: false;
      /** Code and phrase of the answer. */
      readonly status: string;
      readonly reason: string;
    };

export interface HeadRules {
  /** Most lines. */
  readonly headFields: number;
  /** Set when the request asks for an upgrade that is tunnelled. */
  readonly upgrade?: 'websocket';
}

export function readHead(request: ParsedRequest, { headFields, upgrade }: HeadRules): HeadReading {
  const lines = fieldsOfRaw(request.rawHeaders);
  if (lines.length > headFields) {
    return refused('431 Request Header Fields Too Large', `a head of ${lines.length} lines, over ${headFields}`);
  }
  const misframed = framingProblem(request, lines);
  if (misframed) return misframed;
  const hosts = lines.filter(([name]) => name.toLowerCase() === 'host').length;
  if (hosts === 0 && request.httpVersion !== '1.0') return refused('400 Bad Request', 'no Host line');
  if (hosts > 1) return refused('400 Bad Request', `${hosts} Host lines: each reader could take another`);
  const meant = targetOf(request, lines);
  if (!meant) return refused('400 Bad Request', 'a target in absolute form that is no http URL of a plain authority');
  const head = {
    method: request.method ?? 'GET',
    target: meant.target,
    authority: fieldValue(meant.fields, 'host') ?? '',
    scheme: 'http',
    fields: meant.fields,
    sensitive: [],
    framing: framingOf(lines),
    ...(upgrade === undefined ? {} : { upgrade }),
  } as const;
  return { ok: true, head };
}

function refused(status: string, reason: string): HeadReading {
  return { ok: false, status, reason };
}

/** node:http has refused what has both lengths, or two, or a coding that does not end in chunked. */
function framingProblem({ httpVersion }: ParsedRequest, lines: Fields): HeadReading | undefined {
  const codings = fieldTokens(lines, 'transfer-encoding');
  if (codings.length > 0 && httpVersion === '1.0') {
    return refused('400 Bad Request', 'Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)');
  }
  if (!isUnknownCoding(codings)) return undefined;
  return refused('501 Not Implemented', `the transfer coding "${codings.join(', ')}"; only chunked is known`);
}

/** RFC 9112 section 6.3; node:http has refused requests that carry both. */
function framingOf(fields: Fields): RequestHead['framing'] {
  if (fieldTokens(fields, 'transfer-encoding').length > 0) return 'stream';
  const length = fieldValue(fields, 'content-length');
  return length === undefined || Number(length) === 0 ? 'none' : 'length';
}

const ABSOLUTE = /^https?:\/\/([^/?#@\\]+)([/?][^#]*)?$/i;

/**
 * A target in absolute form names the authority, whatever Host says (RFC 9112 section 3.2.2). It goes on in origin form, as
 * by Envoy: applications that believe the one and those that believe the other then read the same.
 */
function targetOf(
  { method, url = '/' }: ParsedRequest,
  lines: Fields,
): { readonly target: string; readonly fields: Fields } | undefined {
  if (url.startsWith('/') || url === '*') return { target: url, fields: lines };
  const [, authority, rest = ''] = ABSOLUTE.exec(url) ?? [];
  if (authority === undefined) return undefined;
  const others = lines.filter(([name]) => name.toLowerCase() !== 'host');
  const host: Field = ['Host', authority];
  return { target: originForm(method, rest), fields: [host, ...others] };
}

/** RFC 9112 section 3.2.4: without a path, OPTIONS is about the server itself. */
function originForm(method: string | undefined, pathAndQuery: string): string {
  if (pathAndQuery.startsWith('/')) return pathAndQuery;
  return pathAndQuery === '' && method === 'OPTIONS' ? '*' : `/${pathAndQuery}`;
}
