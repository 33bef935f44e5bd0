/** What we send: baggage of a workload, and a CONNECT request block, as bytes on their way into a buffer that goes out. */
import { createBaggageBytes, createHeaderEncoder } from '@isthmus/codec-wasm';
import { type Case, type OpenCase, same } from '../case.js';
import { requestOf } from '../corpus/connect-blocks.js';
import { BAGGAGE_KEYS, type Workload } from '../corpus/workloads.js';
import { createHpackJsDecoder, createHpackJsEncoder } from '../peers/hpack-js.js';
import { contextOf, inject } from '../peers/otel.js';
import { workloads } from './setting.js';

/** Both keep what can be kept for a workload: we its bytes, OpenTelemetry the context that has its Baggage. */
function openBaggage(): OpenCase {
  const all = workloads();
  const contexts = all.map(({ values }) => contextOf(BAGGAGE_KEYS, values));
  const bytesOf = createBaggageBytes(BAGGAGE_KEYS, ({ values }: Workload) => values);
  const out = Buffer.alloc(1024);
  const subject = () => {
    let sum = 0;
    for (const workload of all) {
      const bytes = bytesOf(workload);
      out.set(bytes);
      sum += bytes.length;
    }
    return sum;
  };
  const peer = () => {
    let sum = 0;
    for (const context of contexts) sum += out.write(inject(context), 'latin1');
    return sum;
  };
  for (const [index, workload] of all.entries()) {
    same('baggage', Buffer.from(bytesOf(workload)).toString('latin1'), workload.baggage);
    same('baggage', inject(contexts[index] ?? contextOf([], [])), workload.baggage);
  }
  same('lengths', subject(), peer());
  return { operations: all.length, subject, peer };
}

/** Method, authority and baggage are known before the request comes; `forwarded` and `traceparent` are its own. */
function openConnect(): OpenCase {
  const requests = workloads().map((workload) => {
    const { fields } = requestOf(workload);
    const own = fields.filter(([name]) => isOwn(name)).map(([, value]) => value);
    const encoder = createHeaderEncoder(fields.map(([name, value]) => [name, isOwn(name) ? undefined : value]));
    const outgoing = fields.map(([name, value]) => ({ name, value, incremental: false, huffman: true }));
    return { fields, own, encoder, outgoing };
  });
  const encodeByPeer = createHpackJsEncoder();
  const decode = createHpackJsDecoder();
  const out = Buffer.alloc(1024);
  const subject = () => {
    let sum = 0;
    for (const { encoder, own } of requests) sum += encoder.write(out, 0, own);
    return sum;
  };
  const peer = () => {
    let sum = 0;
    for (const { outgoing } of requests) {
      for (const part of encodeByPeer(outgoing)) {
        out.set(part);
        sum += part.length;
      }
    }
    return sum;
  };
  const read = (block: Uint8Array) => decode(Buffer.from(block)).map(({ name, value }) => [name, value]);
  for (const { fields, own, encoder, outgoing } of requests) {
    same('fields', read(out.subarray(0, encoder.write(out, 0, own))), fields);
    same('fields', read(Buffer.concat(encodeByPeer(outgoing))), fields);
  }
  return { operations: requests.length, subject, peer };
}

function isOwn(name: string): boolean {
  return name === 'forwarded' || name === 'traceparent';
}

export const encodeCases: readonly Case[] = [
  { id: 'baggage.encode', subject: 'workload to header bytes', peer: 'W3CBaggagePropagator.inject', open: openBaggage },
  { id: 'hpack.encode.connect', subject: 'CONNECT request to a header block', peer: 'hpack.js', open: openConnect },
];
