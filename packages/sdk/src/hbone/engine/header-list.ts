/** The header fields of one message, copied out of the codec's memory, which is only lent until the next event. */
import type { BaggageView, Codec, HeaderBlockView } from '@isthmus/codec-wasm';
import type { PeerMetadata } from '../../peer/index.js';
import { HEADER } from '../../wire/headers.js';
import { REGISTERED_HEADERS } from '../codec.js';
import type { ReceivedHeaders } from '../types.js';
import { type ReceivedBaggage, receivedBaggage } from './received-baggage.js';

const BAGGAGE = REGISTERED_HEADERS.indexOf(HEADER.baggage);

export class HeaderList implements ReceivedHeaders {
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  readonly #baggage: ReceivedBaggage;

  constructor(codec: Codec, block: HeaderBlockView) {
    for (let index = 0; index < block.count; index++) {
      const id = block.nameId(index);
      // The longest of them, and the one that peers repeat: it is kept in one piece, by peer.
      if (id === BAGGAGE) continue;
      this.#names.push(REGISTERED_HEADERS[id] ?? block.name(index));
      this.#values.push(block.value(index));
    }
    this.#baggage = receivedBaggage(codec, block);
  }

  get(name: string): string | undefined {
    return name === HEADER.baggage ? this.#baggage.lines[0] : this.#values[this.#names.indexOf(name)];
  }

  all(name: string): readonly string[] {
    if (name === HEADER.baggage) return this.#baggage.lines;
    return this.#values.filter((_, index) => this.#names[index] === name);
  }

  baggage(): BaggageView {
    return this.#baggage;
  }

  peer(): PeerMetadata | undefined {
    return this.#baggage.peer;
  }
}
