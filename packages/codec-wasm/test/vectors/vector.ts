/** A case as data: what a peer sends, byte by byte, and everything that has to be said of it. */

import type { DecoderInit } from '../../src/types.js';
import { readConnect } from '../reference/connect.js';
import type { Entry } from '../support/log.js';

export interface FrameVector {
  /** A sentence. */
  readonly title: string;
  /** Whose bytes these are not: the role of the decoder that reads them. */
  readonly role: DecoderInit['role'];
  readonly limits?: Partial<DecoderInit>;
  /** Our SETTINGS_HEADER_TABLE_SIZE, acknowledged before the first byte. */
  readonly tableSize?: number;
  /** Hex; anything that is no hex digit is for the reader. */
  readonly bytes: string;
  readonly expected: readonly Entry[];
}

/** An empty SETTINGS frame and what is said of it: the least a peer can open with. */
export const SETTINGS = '000000 04 00 00000000';
export const settings: Entry = { event: 'settings', ack: false, entries: [] };

/** "PRI * HTTP/2.0", CRLF CRLF, "SM", CRLF CRLF. */
export const PREFACE = '505249202a20485454502f322e30 0d0a0d0a 534d 0d0a0d0a';

export function error(code: string, http2Code: number, section: string): Entry {
  return { event: 'error', code, http2Code, section };
}

export function headers(
  streamId: number,
  endStream: boolean,
  fields: [name: string, value: string, nameId: number][],
): Entry {
  const baggage = { malformed: false, values: {} };
  const { kind, ipv4, port, host, peerId } = readConnect(fields.map(([name, value]) => [name, value]));
  const target = { kind, ipv4, port, host, hasPeer: peerId >= 0 };
  return { event: 'headers', streamId, endStream, refused: false, fields, baggage, target };
}
