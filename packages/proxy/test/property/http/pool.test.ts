/** Whatever happens to connections, every request gets one, or an answer, and no bound is passed. */

import { createVirtualClock } from '@isthmus/sdk/testing';
import { Fault } from '@isthmus/sdk/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createBucket } from '../../../src/http/upstream-bucket.js';
import type { UpstreamConnection, UpstreamConnectionEvents } from '../../../src/http/upstream-connection.js';

/** A connection without a wire: it counts, as the real ones do, and ends requests when told. */
class CountingConnection implements UpstreamConnection {
  outstanding = 0;
  retired = false;
  closed = false;
  readonly #capacity: number;
  readonly #events: UpstreamConnectionEvents;

  constructor(capacity: number, events: UpstreamConnectionEvents) {
    this.#capacity = capacity;
    this.#events = events;
  }
  get room(): number {
    return this.retired || this.closed ? 0 : this.#capacity - this.outstanding;
  }
  get originated(): never {
    throw new Error('not asked for here');
  }
  send(): never {
    throw new Error('not asked for here');
  }
  begin(): void {
    if (this.room <= 0) throw new Error('given to a request without room');
    this.outstanding++;
  }
  end(): void {
    if (this.outstanding === 0) return;
    this.outstanding--;
    if (this.retired && this.outstanding === 0) this.close();
    else this.#events.onRoom();
  }
  retire(): void {
    this.retired = true;
    if (this.outstanding === 0) this.close();
  }
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.outstanding = 0;
    this.#events.onClosed();
  }
}

const EVENTS = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('request' as const), index: fc.nat(20) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('opened' as const), index: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('refused' as const), index: fc.nat(20) }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('end' as const), index: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), index: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('retire' as const), index: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), index: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('time' as const), index: fc.nat(20) }) },
  ),
  { maxLength: 120 },
);
const RULES = fc.record({
  spread: fc.integer({ min: 1, max: 3 }),
  maxConnections: fc.integer({ min: 1, max: 4 }),
  maxWaiting: fc.integer({ min: 1, max: 8 }),
  perConnection: fc.integer({ min: 1, max: 3 }),
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await Promise.resolve();
}

it('serves or answers every request, within every bound, through any order of events', async () => {
  await fc.assert(
    fc.asyncProperty(RULES, EVENTS, fc.integer({ min: 1, max: 6 }), async (rules, events, total) => {
      const clock = createVirtualClock();
      const dials: { open(): void; refuse(): void }[] = [];
      const connections: CountingConnection[] = [];
      const aborts: AbortController[] = [];
      let [started, over, held] = [0, 0, 0];
      const bucket = createBucket({
        name: 'reviews',
        rules,
        ageMs: 1_000,
        idleMs: 300,
        pauseMs: 50,
        clock,
        random: () => 0.5,
        connect: () =>
          new Promise((resolve, reject) => {
            dials.push({
              open: () =>
                resolve((listener) => {
                  const made = new CountingConnection(rules.perConnection, listener);
                  connections.push(made);
                  return made;
                }),
              refuse: () => reject(new Fault('CONNECT_FAILED', 'refused')),
            });
          }),
        permits: {
          tryAcquire: () => held < total && ++held > 0,
          release: () => held--,
        },
        onEmpty: () => undefined,
      });
      const request = (): void => {
        started++;
        const abort = new AbortController();
        aborts.push(abort);
        bucket
          .with(abort.signal, (connection) => (connection as CountingConnection).begin())
          .then(
            () => over++,
            () => over++,
          );
      };
      const pick = <Item>(items: readonly Item[], index: number): Item | undefined =>
        items[index % Math.max(1, items.length)];

      for (const { kind, index } of events) {
        const live = connections.filter((connection) => !connection.closed);
        if (kind === 'request') request();
        else if (kind === 'opened') dials.shift()?.open();
        else if (kind === 'refused') dials.shift()?.refuse();
        else if (kind === 'end') pick(live, index)?.end();
        else if (kind === 'close') pick(live, index)?.close();
        else if (kind === 'retire') pick(live, index)?.retire();
        else if (kind === 'abort') pick(aborts, index)?.abort();
        else {
          clock.advance(index * 40);
          bucket.sweep();
        }
        await settle();

        const open = connections.filter((connection) => !connection.closed).length;
        expect(open + dials.length).toBeLessThanOrEqual(Math.max(rules.maxConnections, rules.spread));
        expect(held).toBe(open + dials.length);
        expect(held).toBeLessThanOrEqual(total);
      }

      // Let everything under way end: nobody may be left waiting.
      for (let round = 0; round < 200 && over < started; round++) {
        for (const dial of dials.splice(0)) dial.open();
        await settle();
        for (const connection of connections) connection.end();
        await settle();
      }
      expect(over).toBe(started);
    }),
    { numRuns: 300, seed: 20_260_101 },
  );
});
