/**
 * Peer metadata on the wire: the `baggage` header of a CONNECT and of its answer, by the table of keys. The codec splits
 * and unescapes; here members become fields and back.
 *
 * What a peer says is a claim, so reading is bounded: a value over 253 characters (no Kubernetes name is longer) or with
 * a control character is not taken, because it would end in metric labels and log lines. A header that leaves nothing
 * is no peer, never a peer of unknowns; ztunnel's all-empty result erases what others know.
 */
import {
  type BaggageView,
  CodecError,
  createBaggageBytes,
  createBaggageEncoder,
  createCodec,
} from '@isthmus/codec-wasm';
import type { Workload } from '../discovery/model.js';
import type { WorkloadType } from '../wire/workload-type.js';
import { type CarriedField, PEER_KEYS, PEER_ROWS, type PeerKeyRow } from './keys.js';
import { metadataOf } from './metadata.js';
import type { PeerMetadata } from './types.js';

/** What Envoy writes for a workload whose controller has no key of its own. */
const UNKNOWN_TYPE: WorkloadType = 'pod';
const MAX_VALUE = 253;
const CONTROL = /\p{Cc}/u;

const encodeRows = createBaggageEncoder(PEER_KEYS);
const valuesOf = (metadata: PeerMetadata) => PEER_ROWS.map((row) => fieldOf(row, metadata));

/**
 * The header of a registered workload as bytes, made once and kept as long as the record: a record is replaced when it
 * changes, never edited.
 */
export const baggageOf: (workload: Workload) => Uint8Array = createBaggageBytes(PEER_KEYS, (workload: Workload) =>
  valuesOf(metadataOf(workload)),
);

/** The header's value; "" when nothing is known. Absent fields are left out. */
export function encodePeerBaggage(metadata: PeerMetadata): string {
  return encodeRows(valuesOf(metadata));
}

/**
 * What the peer says about itself: from the header's lines in order, or from a view the codec lends. Returns undefined
 * when the header is absent, malformed, larger than the codec reads, or says nothing.
 */
export function decodePeerBaggage(baggage: readonly string[] | BaggageView): PeerMetadata | undefined {
  const view = isView(baggage) ? baggage : readLines(baggage);
  if (!view || view.malformed) return undefined;
  const [low, high] = view.present;
  if (low === 0 && high === 0) return undefined;
  const draft: Draft = {};
  PEER_ROWS.forEach((row, index) => {
    const value = view.get(index);
    if (value !== undefined && draft[row.field] === undefined && isBelievable(value)) take(draft, row, value);
  });
  for (const { field, twin } of PEER_ROWS) if (twin) fillIn(draft, field, twin);
  return Object.keys(draft).length > 0 ? draft : undefined;
}

type Draft = { -readonly [F in keyof PeerMetadata]: PeerMetadata[F] };

function fieldOf({ field, workloadType, twin }: PeerKeyRow, metadata: PeerMetadata): string | undefined {
  const value = metadata[field];
  if (workloadType !== undefined && workloadType !== (metadata.workloadType ?? UNKNOWN_TYPE)) return undefined;
  return twin !== undefined && value === metadata[twin] ? undefined : value;
}

function take(draft: Draft, { field, workloadType }: PeerKeyRow, value: string): void {
  draft[field] = value;
  if (workloadType !== undefined) draft.workloadType = workloadType;
}

/** Either way round, as Envoy does. */
function fillIn(draft: Draft, a: CarriedField, b: CarriedField): void {
  const value = draft[a] ?? draft[b];
  if (value === undefined) return;
  draft[a] ??= value;
  draft[b] ??= value;
}

function isBelievable(value: string): boolean {
  return value.length <= MAX_VALUE && !CONTROL.test(value);
}

function isView(baggage: readonly string[] | BaggageView): baggage is BaggageView {
  return !Array.isArray(baggage);
}

/** Made on first use: whoever reads through a connection's decoder never needs it. It decodes no frames, so it is small. */
let lineCodec: ReturnType<typeof createCodec> | undefined;

function readLines(lines: readonly string[]): BaggageView | undefined {
  if (lines.length === 0) return undefined;
  lineCodec ??= createCodec({ headerNames: [], baggageKeys: PEER_KEYS, slots: 8 });
  try {
    return lineCodec.decodeBaggage(lines);
  } catch (error) {
    if (error instanceof CodecError && error.code === 'BAGGAGE_TOO_LARGE') return undefined;
    throw error;
  }
}
