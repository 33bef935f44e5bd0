/**
 * Which protocol a client speaks, told from its first bytes. Pure; `sniff.ts` does the waiting. Only HTTP/2 with prior
 * knowledge and HTTP/1 are recognised: everything else, however close, is bytes to be carried untouched.
 */
import { METHODS } from 'node:http';
import type { HttpVersion } from './exchange.js';

export type Detected = HttpVersion | 'tcp';

/** RFC 9113 section 3.4. */
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);
const LONGEST_METHOD = Math.max(...METHODS.map((method) => method.length));
const SPACE = 0x20;

/** What the bytes so far say; `more` while they are a prefix of something that would be HTTP. */
export function detect(bytes: Uint8Array): Detected | 'more' {
  if (bytes.length === 0) return 'more';
  const http2 = matchPreface(bytes);
  return http2 === 'tcp' ? matchRequestLine(bytes) : http2;
}

/** The same where it is known to be HTTP: all that is no preface is for the parser of HTTP/1.1 to judge (Envoy's codec AUTO). */
export function detectHttp(bytes: Uint8Array): HttpVersion | 'more' {
  if (bytes.length === 0) return 'more';
  const http2 = matchPreface(bytes);
  return http2 === 'tcp' ? 'http1' : http2;
}

function matchPreface(bytes: Uint8Array): Detected | 'more' {
  const compared = Math.min(bytes.length, HTTP2_PREFACE.length);
  if (!HTTP2_PREFACE.subarray(0, compared).equals(bytes.subarray(0, compared))) return 'tcp';
  return compared === HTTP2_PREFACE.length ? 'http2' : 'more';
}

/**
 * A method of the HTTP registry, one space, and the first byte of a request target (RFC 9112 section 3.2). The target's
 * first byte keeps text protocols out that share verbs with HTTP, such as `GET key` of inline Redis.
 */
function matchRequestLine(bytes: Uint8Array): Detected | 'more' {
  const limit = Math.min(bytes.length, LONGEST_METHOD + 1);
  let length = 0;
  while (length < limit && isMethodByte(bytes[length])) length++;
  if (length === bytes.length) return startsAMethod(text(bytes, length)) ? 'more' : 'tcp';
  if (bytes[length] !== SPACE || !KNOWN_METHODS.has(text(bytes, length))) return 'tcp';
  const method = text(bytes, length);
  const target = text(bytes.subarray(length + 1), Math.min(bytes.length - length - 1, 4)).toLowerCase();
  if (method === 'CONNECT') return 'http1';
  if (target.startsWith('/') || target.startsWith('*') || target === 'http') return 'http1';
  return 'http'.startsWith(target) ? 'more' : 'tcp';
}

/** Registry methods consist of upper-case letters and `-` (M-SEARCH). */
function isMethodByte(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x41 && byte <= 0x5a) || byte === 0x2d);
}

function startsAMethod(prefix: string): boolean {
  return METHODS.some((method) => method.startsWith(prefix));
}

function text(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('latin1');
}
