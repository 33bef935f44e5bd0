/**
 * What happens to header lines on their way through: hop-by-hop lines end here (RFC 9110 section 7.6.1), everything else
 * passes untouched and in order. In particular `baggage`, `traceparent`, `x-forwarded-for` and `forwarded` belong to
 * applications and are neither read nor written; `docs/waypoint.md` lists where this follows Envoy's defaults and where not.
 */
import type { Field, Fields } from './exchange.js';

/** Lines that describe one connection; each side of the proxy makes its own. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/**
 * Lines a client cannot have removed by naming them in Connection. They say who asks and for what; a proxy that strips
 * them on request lets a client erase them behind the back of whoever added them.
 */
const NOT_NOMINABLE: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'authorization',
  'cookie',
  'set-cookie',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
  'traceparent',
  'tracestate',
  'baggage',
]);

/** Fields that must not come after the body: framing, routing, authentication (RFC 9110 section 6.5.1). */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'trailer',
  'authorization',
  'cookie',
  'set-cookie',
  'x-forwarded-client-cert',
]);

/** Request lines that a client may not vouch for: only a proxy that verified the certificate may say these. */
const UNVERIFIED_CLAIMS: ReadonlySet<string> = new Set(['x-forwarded-client-cert']);

export interface RequestFieldRules {
  /** A fresh `x-request-id` for requests that carry none. */
  newRequestId(): string;
}

/** Lines for the next hop. `te: trailers` is said anew by the connection that honours it. */
export function forwardedRequestFields(fields: Fields, rules: RequestFieldRules): Fields {
  const kept = endToEnd(fields).filter(([name]) => !UNVERIFIED_CLAIMS.has(name.toLowerCase()));
  const tail: Field[] = [];
  if (acceptsTrailers(fields)) tail.push(['te', 'trailers']);
  if (fieldValue(kept, 'x-request-id') === undefined) tail.push(['x-request-id', rules.newRequestId()]);
  return [...kept, ...tail];
}

export function forwardedResponseFields(fields: Fields): Fields {
  return endToEnd(fields);
}

export function forwardedTrailers(fields: Fields): Fields {
  return fields.filter(([name]) => !name.startsWith(':') && !NOT_IN_TRAILERS.has(name.toLowerCase()));
}

function endToEnd(fields: Fields): Fields {
  const nominated = nominatedByConnection(fields);
  return fields.filter(([name]) => {
    const lower = name.toLowerCase();
    return !HOP_BY_HOP.has(lower) && !(nominated.has(lower) && !NOT_NOMINABLE.has(lower));
  });
}

function nominatedByConnection(fields: Fields): ReadonlySet<string> {
  return new Set(fieldTokens(fields, 'connection'));
}

function acceptsTrailers(fields: Fields): boolean {
  return fieldTokens(fields, 'te').some((token) => token === 'trailers' || token.startsWith('trailers;'));
}

/** Codings are undone hop by hop (RFC 9112 section 6.1), and chunked is the only one node:http undoes. */
export function isUnknownCoding(transferCodings: readonly string[]): boolean {
  return transferCodings.length > 0 && transferCodings.join() !== 'chunked';
}

/** First value of that name, given in lower case. */
export function fieldValue(fields: Fields, lowerName: string): string | undefined {
  return fields.find(([name]) => name.toLowerCase() === lowerName)?.[1];
}

/** Members of a comma-separated list over all its lines, lower case, without empty ones. */
export function fieldTokens(fields: Fields, lowerName: string): readonly string[] {
  return fields
    .filter(([name]) => name.toLowerCase() === lowerName)
    .flatMap(([, value]) => value.split(','))
    .map((token) => token.trim().toLowerCase())
    .filter((token) => token !== '');
}

/** Pairs of Node's flat `rawHeaders` and `rawTrailers`. */
export function fieldsOfRaw(raw: readonly string[]): Fields {
  const fields: Field[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) fields.push([raw[index] ?? '', raw[index + 1] ?? '']);
  return fields;
}
