/** What we send: baggage of a workload, and a CONNECT request block, as bytes ready to go. */
import { createBaggageEncoder, encodeHeaderBlock } from '@isthmus/codec-wasm';
import { type Case, type OpenCase, same } from '../case.js';
import { requestOf } from '../corpus/connect-blocks.js';
import { BAGGAGE_KEYS } from '../corpus/workloads.js';
import { createHpackJsDecoder, createHpackJsEncoder } from '../peers/hpack-js.js';
import { inject } from '../peers/otel.js';
import { workloads } from './setting.js';

/** Both end with the bytes in a buffer, as they are on their way into a header block. */
function openBaggage(): OpenCase {
  const all = workloads();
  const encode = createBaggageEncoder(BAGGAGE_KEYS);
  const out = Buffer.alloc(1024);
  const subject = () => {
    let sum = 0;
    for (const { values } of all) sum += out.write(encode(values), 0, 'latin1');
    return sum;
  };
  const peer = () => {
    let sum = 0;
    for (const { values } of all) sum += out.write(inject(BAGGAGE_KEYS, values), 0, 'latin1');
    return sum;
  };
  for (const { values, baggage } of all) {
    same('baggage', encode(values), baggage);
    same('baggage', inject(BAGGAGE_KEYS, values), baggage);
  }
  same('lengths', subject(), peer());
  return { operations: all.length, subject, peer };
}

function openConnect(): OpenCase {
  const requests = workloads().map((workload) => requestOf(workload).fields);
  const outgoing = requests.map((fields) =>
    fields.map(([name, value]) => ({ name, value, incremental: false, huffman: true })),
  );
  const encodeByPeer = createHpackJsEncoder();
  const decode = createHpackJsDecoder();
  const subject = () => {
    let sum = 0;
    for (const fields of requests) sum += encodeHeaderBlock(fields).length;
    return sum;
  };
  const peer = () => {
    let sum = 0;
    for (const fields of outgoing) {
      for (const part of encodeByPeer(fields)) sum += part.length;
    }
    return sum;
  };
  const read = (block: Uint8Array) => decode(Buffer.from(block)).map(({ name, value }) => [name, value]);
  for (const [index, fields] of requests.entries()) {
    same(`block ${index}`, read(encodeHeaderBlock(fields)), fields);
    same(`block ${index}`, read(Buffer.concat(encodeByPeer(outgoing[index] ?? []))), fields);
  }
  return { operations: requests.length, subject, peer };
}

export const encodeCases: readonly Case[] = [
  { id: 'baggage.encode', subject: 'workload to header bytes', peer: 'W3CBaggagePropagator.inject', open: openBaggage },
  { id: 'hpack.encode.connect', subject: 'CONNECT request to a header block', peer: 'hpack.js', open: openConnect },
];
