/** The header fields of one message, copied out of the codec's memory, which is only lent until the next event. */
import type { BaggageView, Codec, HeaderBlockView } from '@isthmus/codec-wasm';
import { HEADER } from '../../wire/headers.js';
import { REGISTERED_HEADERS } from '../codec.js';
import type { ReceivedHeaders } from '../types.js';

export class HeaderList implements ReceivedHeaders {
  readonly #codec: Codec;
  readonly #names: string[] = [];
  readonly #values: string[] = [];

  constructor(codec: Codec, block: HeaderBlockView) {
    this.#codec = codec;
    for (let index = 0; index < block.count; index++) {
      this.#names.push(REGISTERED_HEADERS[block.nameId(index)] ?? block.name(index));
      this.#values.push(block.value(index));
    }
  }

  get(name: string): string | undefined {
    return this.#values[this.#names.indexOf(name)];
  }

  all(name: string): readonly string[] {
    return this.#values.filter((_, index) => this.#names[index] === name);
  }

  baggage(): BaggageView {
    return this.#codec.decodeBaggage(this.all(HEADER.baggage));
  }
}
