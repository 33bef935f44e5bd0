/**
 * Drives a decoder and writes down what it said, as plain values that can be compared. Parts of one DATA frame become one
 * entry, so that the log does not depend on where chunks end.
 */
import { CodecError } from '../../src/errors.js';
import type { BaggageView, ConnectionDecoder, FrameHandler, HeaderBlockView, SettingsView } from '../../src/types.js';
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
  | { event: 'stream-error'; streamId: number; errorCode: number; violation: string }
  | { event: 'error'; code: string; http2Code: number; section: string };

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

/** Writes down every call of a decoder. */
export class Recorder implements FrameHandler {
  readonly log: Entry[] = [];
  readonly #onEntry: (entry: Entry) => void;

  /** `onEntry` is told at once, from within the call. */
  constructor(onEntry: (entry: Entry) => void = () => {}) {
    this.#onEntry = onEntry;
  }

  data(streamId: number, payload: Uint8Array, flowBytes: number, endStream: boolean): void {
    this.#note({ event: 'data', streamId, payload: hexOf(payload), flowBytes, endStream });
  }

  headers(streamId: number, block: HeaderBlockView, endStream: boolean): void {
    const fields: [string, string, number][] = [];
    for (let i = 0; i < block.count; i++) fields.push([block.name(i), block.value(i), block.nameId(i)]);
    const baggage = readMembers(block.baggage());
    const { kind, ipv4, port, host, peerId } = block.connect();
    const target = { kind, ipv4, port, host, hasPeer: peerId >= 0 };
    this.#note({ event: 'headers', streamId, endStream, refused: block.refused, fields, baggage, target });
  }

  rstStream(streamId: number, errorCode: number): void {
    this.#note({ event: 'rst', streamId, errorCode });
  }

  settings(ack: boolean, view: SettingsView): void {
    const entries: [number, number][] = [];
    for (let i = 0; i < view.count; i++) entries.push([view.id(i), view.value(i)]);
    this.#note({ event: 'settings', ack, entries });
  }

  ping(ack: boolean, payload: Uint8Array): void {
    this.#note({ event: 'ping', ack, payload: hexOf(payload) });
  }

  goAway(lastStreamId: number, errorCode: number): void {
    this.#note({ event: 'goaway', lastStreamId, errorCode });
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#note({ event: 'window', streamId, increment });
  }

  streamError(streamId: number, errorCode: number, violation: string): void {
    this.#note({ event: 'stream-error', streamId, errorCode, violation });
  }

  #note(entry: Entry): void {
    if (!continues(this.log.at(-1), entry)) this.log.push(entry);
    this.#onEntry(entry);
  }
}

/** Reads the chunks and logs every call; a CodecError ends the log, anything else is thrown. */
export function logOf(decoder: ConnectionDecoder, chunks: readonly Uint8Array[]): Entry[] {
  const recorder = new Recorder();
  const { log } = recorder;
  try {
    for (const chunk of chunks) decoder.read(chunk, recorder);
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
