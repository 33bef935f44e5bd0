/** Baggage of one workload out of bytes, and out of a string, against a hand-written parser and OpenTelemetry's. */
import type { BaggageView } from '@isthmus/codec-wasm';
import { type Case, type OpenCase, same } from '../case.js';
import { BAGGAGE_KEYS } from '../corpus/workloads.js';
import { BaggageParser } from '../peers/baggage-parser.js';
import { extract } from '../peers/otel.js';
import { benchCodec, workloads } from './setting.js';

const KEYS = BAGGAGE_KEYS.length;
const CAREFUL = 'careful JavaScript parser giving strings';

/** Bytes lie in linear memory, as a socket that reads there leaves them; the peer has them in a Buffer. */
function openWire(): OpenCase {
  const headers = workloads().map(({ baggage }) => Buffer.from(baggage, 'latin1'));
  const bytes = Buffer.concat(headers);
  const codec = benchCodec(bytes.length);
  codec.resident.set(bytes);
  const ends: number[] = [];
  for (const header of headers) ends.push((ends.at(-1) ?? 0) + header.length);
  const parser = new BaggageParser(BAGGAGE_KEYS);

  const { resident } = codec;
  const subject = () => {
    let sum = 0;
    let start = 0;
    for (const end of ends) {
      const view = codec.readBaggage(resident, start, end);
      for (let key = 0; key < KEYS; key++) sum += view.length(key);
      start = end;
    }
    return sum;
  };
  const peer = () => {
    let sum = 0;
    let start = 0;
    for (const end of ends) {
      const values = parser.parse(bytes.toString('latin1', start, end));
      for (let key = 0; key < KEYS; key++) sum += values[key]?.length ?? 0;
      start = end;
    }
    return sum;
  };
  for (const [index, { values }] of workloads().entries()) {
    const start = ends[index - 1] ?? 0;
    const view = codec.readBaggage(resident, start, ends[index] as number);
    same(`members of header ${index}`, stringsOf(view), values);
    same(`members of header ${index}`, parser.parse(bytes.toString('latin1', start, ends[index])), values);
  }
  same('lengths', subject(), peer());
  return { operations: headers.length, subject, peer };
}

function openString(peerOf: (text: string) => readonly (string | undefined)[]): OpenCase {
  const texts = workloads().map(({ baggage }) => baggage);
  const codec = benchCodec();
  const lines: string[] = [''];
  const read = (text: string) => {
    lines[0] = text;
    return codec.decodeBaggage(lines);
  };
  const subject = () => {
    let sum = 0;
    for (const text of texts) {
      const view = read(text);
      for (let key = 0; key < KEYS; key++) sum += view.get(key)?.length ?? 0;
    }
    return sum;
  };
  const peer = () => {
    let sum = 0;
    for (const text of texts) {
      const values = peerOf(text);
      for (let key = 0; key < KEYS; key++) sum += values[key]?.length ?? 0;
    }
    return sum;
  };
  for (const text of texts) same(`members of '${text}'`, stringsOf(read(text)), peerOf(text));
  same('lengths', subject(), peer());
  return { operations: texts.length, subject, peer };
}

function openOtel(): OpenCase {
  return openString((text) => {
    const baggage = extract(text);
    return BAGGAGE_KEYS.map((key) => baggage?.getEntry(key)?.value);
  });
}

function openCareful(): OpenCase {
  const parser = new BaggageParser(BAGGAGE_KEYS);
  return openString((text) => parser.parse(text));
}

function stringsOf(view: BaggageView): (string | undefined)[] {
  return BAGGAGE_KEYS.map((_, key) => view.get(key));
}

export const baggageDecodeCases: readonly Case[] = [
  { id: 'baggage.decode.wire', subject: 'bytes in linear memory to 7 members by key', peer: CAREFUL, open: openWire },
  { id: 'baggage.decode.string', subject: 'string to 7 strings', peer: CAREFUL, open: openCareful },
  { id: 'baggage.decode.otel', subject: 'string to 7 strings', peer: 'W3CBaggagePropagator.extract', open: openOtel },
];
