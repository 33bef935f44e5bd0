/**
 * What a message says in `baggage`, kept. The codec numbers what peers say, so the same bytes are read once and give the
 * same object from then on: a CONNECT of a known peer makes no string of it and parses nothing.
 *
 * Bounds: as many as the codec numbers (1024); what it has forgotten, and baggage in several lines, is read anew.
 */
import {
  type BaggageView,
  type Codec,
  createPeerCache,
  type HeaderBlockView,
  type PeerCache,
} from '@isthmus/codec-wasm';
import { decodePeerBaggage, PEER_KEYS, type PeerMetadata } from '../../peer/index.js';
import { HEADER } from '../../wire/headers.js';
import { REGISTERED_HEADERS } from '../codec.js';

const BAGGAGE = REGISTERED_HEADERS.indexOf(HEADER.baggage);

export class ReceivedBaggage implements BaggageView {
  /** The header's lines, in order. */
  readonly lines: readonly string[];
  readonly present: readonly [low: number, high: number];
  readonly malformed: boolean;
  /** Undefined when it says nothing that can be believed. */
  readonly peer: PeerMetadata | undefined;
  readonly #values: readonly (string | undefined)[];
  readonly #lengths: readonly number[];

  constructor(view: BaggageView, lines: readonly string[]) {
    this.lines = lines;
    this.present = view.present;
    this.malformed = view.malformed;
    this.#values = PEER_KEYS.map((_, key) => view.get(key));
    this.#lengths = PEER_KEYS.map((_, key) => view.length(key));
    this.peer = decodePeerBaggage(this);
  }

  get(keyIndex: number): string | undefined {
    return this.#values[keyIndex];
  }

  length(keyIndex: number): number {
    return this.#lengths[keyIndex] ?? 0;
  }
}

/** One for each codec: the numbers are its own. */
const caches = new WeakMap<Codec, PeerCache<ReceivedBaggage>>();

/** The baggage of a block; the result is the caller's to keep. */
export function receivedBaggage(codec: Codec, block: HeaderBlockView): ReceivedBaggage {
  let cache = caches.get(codec);
  if (!cache) {
    cache = createPeerCache((view, of) => new ReceivedBaggage(view, linesOf(of)));
    caches.set(codec, cache);
  }
  return cache.of(block);
}

function linesOf(block: HeaderBlockView): string[] {
  const lines: string[] = [];
  for (let index = block.find(BAGGAGE); index >= 0; index = block.find(BAGGAGE, index + 1))
    lines.push(block.value(index));
  return lines;
}
