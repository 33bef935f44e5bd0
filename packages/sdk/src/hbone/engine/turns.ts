/**
 * Who sends next. Arrays and a mark on each source, and no `Set`, although a set would say it shorter: V8 builds the table
 * of a set or map anew after every few removals, and here something is removed for each frame (7 % of the CPU of short
 * tunnels, with the table of streams).
 *
 * Bound: one entry for each open stream.
 */

/** Where a source waits. Kept by the source, written by `Turns` alone. */
export type Waiting = 'no' | 'turn' | 'window';

export interface TurnTaker {
  waiting: Waiting;
}

export class Turns<Source extends TurnTaker> {
  /** In turn order. */
  readonly #queue: Source[] = [];
  /** Only the window of the connection keeps these from sending. */
  readonly #parked: Source[] = [];

  /** Nobody waits for a turn. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  get hasParked(): boolean {
    return this.#parked.length > 0;
  }

  /** Has no effect on a source that waits already. */
  add(source: Source): void {
    if (source.waiting !== 'no') return;
    source.waiting = 'turn';
    this.#queue.push(source);
  }

  /** Whose turn it is; it waits no more. */
  next(): Source | undefined {
    const source = this.#queue.shift();
    if (source) source.waiting = 'no';
    return source;
  }

  /** Until `unpark`. */
  park(source: Source): void {
    source.waiting = 'window';
    this.#parked.push(source);
  }

  unpark(): void {
    for (const source of this.#parked.splice(0)) {
      source.waiting = 'turn';
      this.#queue.push(source);
    }
  }

  remove(source: Source): void {
    if (source.waiting === 'no') return;
    const list = source.waiting === 'turn' ? this.#queue : this.#parked;
    source.waiting = 'no';
    list.splice(list.indexOf(source), 1);
  }
}
