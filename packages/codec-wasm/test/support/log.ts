/**
 * Drives a decoder and writes down what it said, as plain values that can be compared. Parts of one DATA frame become one
 * entry, so that the log does not depend on where chunks end.
 */
import { CodecError } from '../../src/errors.js';
import { type BaggageView, type ConnectionDecoder, Event } from '../../src/types.js';
import { KEYS } from './names.js';

export type Entry =
  | { event: 'data'; streamId: number; payload: string; flowBytes: number; endStream: boolean }
  | {
      event: 'headers';
      streamId: number;
      endStream: boolean;
      refused: boolean;
      fields: [name: string, value: string, nameId: number][];
      baggage: { malformed: boolean; values: Record<string, string> };
      target: { kind: number; ipv4: number; port: number; host: string; hasPeer: boolean };
    }
  | { event: 'rst'; streamId: number; errorCode: number }
  | { event: 'settings'; ack: boolean; entries: [id: number, value: number][] }
  | { event: 'ping'; ack: boolean; payload: string }
  | { event: 'goaway'; lastStreamId: number; errorCode: number }
  | { event: 'window'; streamId: number; increment: number }
  | { event: 'stream-error'; streamId: number; errorCode: number; violation: string | undefined }
  | { event: 'error'; code: string; http2Code: number; section: string };

type DataEntry = Extract<Entry, { event: 'data' }>;

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** All members as they can be read, and a check that `present` and `get` say the same. */
export function readMembers(view: BaggageView): { malformed: boolean; values: Record<string, string> } {
  const values: Record<string, string> = {};
  for (const [index, key] of KEYS.entries()) {
    const value = view.get(index);
    if (view.length(index) > 0 !== (value !== undefined)) throw new Error(`length and get disagree on ${key}`);
    const bit = ((view.present[index >>> 5] as number) >>> (index & 31)) & 1;
    if ((bit === 1) !== (value !== undefined)) throw new Error(`present and get disagree on ${key}`);
    if (value !== undefined) values[key] = value;
  }
  return { malformed: view.malformed, values };
}

/** Pushes the chunks and logs every event; a CodecError ends the log, anything else is thrown. */
export function logOf(
  decoder: ConnectionDecoder,
  chunks: readonly Uint8Array[],
  onEntry: (entry: Entry) => void = () => {},
): Entry[] {
  const log: Entry[] = [];
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (let kind = decoder.next(); kind !== Event.None; kind = decoder.next()) {
        const entry = entryOf(decoder, kind, chunk);
        if (!continues(log.at(-1), entry)) log.push(entry);
        onEntry(entry);
      }
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    log.push({ event: 'error', code: error.code, http2Code: error.http2Code, section: error.section });
  }
  return log;
}

/** Joins a later part of a DATA frame to its first part. */
function continues(last: Entry | undefined, entry: Entry): boolean {
  if (last?.event !== 'data' || entry.event !== 'data' || entry.flowBytes > 0 || entry.payload === '') return false;
  last.payload += entry.payload;
  last.endStream = entry.endStream;
  return true;
}

function entryOf(decoder: ConnectionDecoder, kind: number, chunk: Uint8Array): Entry {
  const { streamId } = decoder;
  if (kind === Event.Data) return dataOf(decoder, chunk);
  if (kind === Event.Headers) return headersOf(decoder);
  if (kind === Event.RstStream) return { event: 'rst', streamId, errorCode: decoder.errorCode };
  if (kind === Event.Settings) return { event: 'settings', ack: decoder.ack, entries: settingsOf(decoder) };
  if (kind === Event.Ping) return { event: 'ping', ack: decoder.ack, payload: hexOf(decoder.pingPayload) };
  if (kind === Event.GoAway) {
    return { event: 'goaway', lastStreamId: decoder.lastStreamId, errorCode: decoder.errorCode };
  }
  if (kind === Event.WindowUpdate) return { event: 'window', streamId, increment: decoder.increment };
  if (kind !== Event.StreamError) throw new Error(`event ${kind} is none`);
  return { event: 'stream-error', streamId, errorCode: decoder.errorCode, violation: decoder.violation };
}

function dataOf(decoder: ConnectionDecoder, chunk: Uint8Array): DataEntry {
  return {
    event: 'data',
    streamId: decoder.streamId,
    payload: hexOf(chunk.subarray(decoder.start, decoder.end)),
    flowBytes: decoder.flowBytes,
    endStream: decoder.endStream,
  };
}

function headersOf({ streamId, endStream, headers }: ConnectionDecoder): Entry {
  const fields: [string, string, number][] = [];
  for (let i = 0; i < headers.count; i++) fields.push([headers.name(i), headers.value(i), headers.nameId(i)]);
  const baggage = readMembers(headers.baggage());
  const { kind, ipv4, port, host, peerId } = headers.connect();
  const target = { kind, ipv4, port, host, hasPeer: peerId >= 0 };
  return { event: 'headers', streamId, endStream, refused: headers.refused, fields, baggage, target };
}

function settingsOf(decoder: ConnectionDecoder): [number, number][] {
  const entries: [number, number][] = [];
  for (let i = 0; i < decoder.settingsCount; i++) entries.push([decoder.settingId(i), decoder.settingValue(i)]);
  return entries;
}
