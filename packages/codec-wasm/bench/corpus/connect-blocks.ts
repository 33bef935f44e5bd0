/**
 * CONNECT header blocks as a foreign encoder (hpack.js) writes them, in two states of a connection:
 *
 * - `literal`: every field a literal that is not added to the table, strings in Huffman code, one block per workload. What
 *   the first request of a connection costs.
 * - `indexed`: one connection for each of 8 workloads, as a ztunnel pools them towards a waypoint or a gateway: method and
 *   baggage and all names come from the dynamic table, and what differs for each request (authority, `forwarded`,
 *   `traceparent`) is literal. `warm` fills the table and goes to a decoder once; the blocks leave the table as it is, so
 *   that they can be replayed for ever.
 */
import hpack from 'hpack.js';
import type { Workload } from './workloads.js';

/** The size both ends of a connection start with (RFC 7541 section 4.2 by way of RFC 9113 section 6.5.2). */
export const TABLE_SIZE = 4096;
const CONNECTIONS = 8;

export interface ConnectRequest {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly workload: Workload;
}

export interface BlockStream {
  readonly warm: readonly Uint8Array[];
  readonly blocks: readonly Uint8Array[];
  /** What each of `blocks` says. */
  readonly requests: readonly ConnectRequest[];
}

export function requestOf(workload: Workload, request: Workload = workload): ConnectRequest {
  const { baggage } = workload;
  const { authority, forwarded, traceparent } = request;
  const fields = Object.entries({ ':method': 'CONNECT', ':authority': authority, baggage, forwarded, traceparent });
  return { fields, workload };
}

export function literalBlocks(workloads: readonly Workload[]): BlockStream {
  const encode = foreignEncoder();
  const requests = workloads.map((workload) => requestOf(workload));
  return { warm: [], requests, blocks: requests.map(({ fields }) => encode(fields, false)) };
}

export function indexedBlocks(workloads: readonly Workload[]): readonly BlockStream[] {
  const perConnection = workloads.length / CONNECTIONS;
  return workloads.slice(0, CONNECTIONS).map((resident, index) => {
    const encode = foreignEncoder();
    // The names of the fields that differ are in the table too, with values that no request has.
    const names = { ':method': 'CONNECT', baggage: resident.baggage, forwarded: '-', traceparent: '-' };
    const warm = [encode(Object.entries(names), true)];
    const rest = workloads.slice(index * perConnection, (index + 1) * perConnection);
    const requests = rest.map((request) => requestOf(resident, request));
    return { warm, requests, blocks: requests.map(({ fields }) => encode(fields, false)) };
  });
}

type Fields = readonly (readonly [name: string, value: string])[];

/** `added` says whether fields that are not in the table yet are to be added to it. */
function foreignEncoder(): (fields: Fields, added: boolean) => Uint8Array {
  const compressor = hpack.compressor.create({ table: { maxSize: TABLE_SIZE } });
  return (fields, added) => {
    compressor.write(fields.map(([name, value]) => ({ name, value, incremental: added, huffman: true })));
    const parts: Uint8Array[] = [];
    for (let part = compressor.read(); part !== null; part = compressor.read()) parts.push(part);
    return Uint8Array.from(Buffer.concat(parts));
  };
}
