/** Leases slot numbers. Finite: the last one leased is refused by a typed error, never by growing. */
import { CodecError } from './errors.js';

export class SlotPool {
  readonly capacity: number;
  readonly #free: number[] = [];
  #untouched = 0;
  #leased = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get leased(): number {
    return this.#leased;
  }

  /** The slot given back last comes first: its memory is warm, and pages of slots never needed stay untouched. */
  lease(): number {
    const number = this.#free.pop() ?? (this.#untouched < this.capacity ? this.#untouched++ : undefined);
    if (number === undefined) throw new CodecError('SLOTS_EXHAUSTED', `${this.capacity} slots`);
    this.#leased++;
    return number;
  }

  release(number: number): void {
    this.#free.push(number);
    this.#leased--;
  }
}
