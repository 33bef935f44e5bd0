/**
 * Between node:http2's header objects and the fields of an exchange. node:http2 has joined repeated lines by the rules of
 * RFC 9110 section 5.3 and kept Set-Cookie apart; sent back as they came, its objects are always valid again.
 */
import {
  constants,
  type Http2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  sensitiveHeaders,
} from 'node:http2';
import type { Field, Fields } from './exchange.js';

export interface ReceivedFields {
  /** Pseudo-header fields, by name with the colon. */
  readonly pseudo: Readonly<Record<string, string>>;
  readonly fields: Fields;
  readonly sensitive: readonly string[];
}

export function receivedFields(headers: IncomingHttpHeaders): ReceivedFields {
  const pseudo: Record<string, string> = {};
  const fields: Field[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    if (name.startsWith(':')) pseudo[name] = String(value);
    else for (const line of Array.isArray(value) ? value : [value]) fields.push([name, line]);
  }
  return { pseudo, fields, sensitive: (headers as SensitiveNames)[sensitiveHeaders] ?? [] };
}

/** node:http2 keeps the never-indexed names under a symbol that its types leave out. */
type SensitiveNames = { [key: symbol]: readonly string[] | undefined };

/** Repeated names become lists again. Names are lowered, as RFC 9113 section 8.2.1 demands. */
export function sendableFields(
  pseudo: OutgoingHttpHeaders,
  fields: Fields,
  sensitive: readonly string[] = [],
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...pseudo };
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    const present = headers[lower];
    if (present === undefined) headers[lower] = value;
    else headers[lower] = [...(Array.isArray(present) ? present : [String(present)]), value];
  }
  if (sensitive.length > 0) (headers as SensitiveNames)[sensitiveHeaders] = sensitive;
  return headers;
}

/**
 * For `wantTrailers`: without any, the stream ends by an empty DATA frame. What node:http2 will not send breaks the stream
 * off; thrown from an event it would end the process.
 */
export function sendTrailers(
  stream: Http2Stream & { sendTrailers(headers: OutgoingHttpHeaders): void },
  fields: Fields,
): void {
  // It is also asked for while a stream is destroyed.
  if (stream.destroyed) return;
  try {
    stream.sendTrailers(sendableFields({}, fields));
  } catch {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
