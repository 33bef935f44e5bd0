/**
 * A CONNECT block to where it goes and who sent it, in numbers: what a proxy needs before it can route. The peer is
 * hpack.js, the authority split by hand, and a Map from the baggage's text to an id.
 */
import { TargetKind } from '@isthmus/codec-wasm';
import { type Case, type OpenCase, same } from '../case.js';
import { indexedBlocks } from '../corpus/connect-blocks.js';
import type { Field } from '../peers/hpack-js.js';
import { Connection, decodeOne } from './hpack-decode.js';
import { benchCodec, workloads } from './setting.js';

function openConnect(): OpenCase {
  const codec = benchCodec();
  const connections = indexedBlocks(workloads()).map((stream) => new Connection(codec, stream));
  const ids = new Map<string, number>();

  const subject = () => {
    let sum = 0;
    for (const { decoder, frames } of connections) {
      for (const frame of frames) {
        const target = decodeOne(decoder, frame).connect();
        if (target.kind === TargetKind.Ipv4) sum += target.ipv4 + target.port;
        if (target.peerId >= 0) sum++;
      }
    }
    return sum;
  };
  const peer = () => {
    let sum = 0;
    for (const { decodeByPeer, blocks } of connections) {
      for (const block of blocks) {
        const target = targetOf(decodeByPeer(block), ids);
        sum += target.ipv4 + target.port;
        if (target.peerId >= 0) sum++;
      }
    }
    return sum;
  };
  checkPeers(connections);
  same('host, port and known peers', subject(), peer());
  return { operations: connections.reduce((sum, { frames }) => sum + frames.length, 0), subject, peer };
}

/** Equal baggage has to have one id, and different baggage different ones. */
function checkPeers(connections: readonly Connection[]): void {
  const known = new Map<string, number>();
  for (const { decoder, frames, stream } of connections) {
    for (const [index, { workload }] of stream.requests.entries()) {
      const { peerId } = decodeOne(decoder, frames[index] as Uint8Array).connect();
      same(`peer id of block ${index}`, peerId, known.get(workload.baggage) ?? peerId);
      known.set(workload.baggage, peerId);
    }
  }
  same('number of peers', new Set(known.values()).size, known.size);
}

function targetOf(fields: readonly Field[], ids: Map<string, number>): { ipv4: number; port: number; peerId: number } {
  let authority = '';
  let baggage: string | undefined;
  for (const { name, value } of fields) {
    if (name === ':authority') authority = value;
    else if (name === 'baggage') baggage = value;
  }
  const colon = authority.lastIndexOf(':');
  let peerId = -1;
  if (baggage !== undefined) {
    peerId = ids.get(baggage) ?? ids.size;
    ids.set(baggage, peerId);
  }
  return { ipv4: ipv4Of(authority.slice(0, colon)), port: Number(authority.slice(colon + 1)), peerId };
}

function ipv4Of(host: string): number {
  const parts = host.split('.');
  let value = 0;
  for (const part of parts) value = value * 256 + Number(part);
  return value;
}

export const connectDecodeCases: readonly Case[] = [
  {
    id: 'connect.decode',
    subject: 'CONNECT block to host, port and peer id',
    peer: 'hpack.js, split, Map',
    open: openConnect,
  },
];
