/** How many connections through a gateway are worth having, and when to stop looking for backends. */
import { describe, expect, it } from 'vitest';
import {
  type Backend,
  backendsMissing,
  choose,
  drawPauseMs,
  isCovered,
  lifeOf,
} from '../../../src/hbone/client/pool-policy.js';

const UNKNOWN: Backend = { kind: 'unknown' };
const NAMELESS: Backend = { kind: 'nameless' };
const named = (name: string): Backend => ({ kind: 'named', name });

describe('backends missing', () => {
  it.each([
    ['one backend, one connection', [UNKNOWN], 1, 16, 0],
    ['several, and the first connection', [UNKNOWN], 4, 16, 3],
    ['names that differ', [named('a'), named('b')], 4, 16, 2],
    ['names that repeat', [named('a'), named('a'), named('b')], 4, 16, 2],
    ['more than are to be held', [named('a')], 40, 16, 15],
    ['nameless ones, drawn twice over', [NAMELESS, NAMELESS], 3, 16, 4],
    ['nameless ones, within the limit', [NAMELESS], 10, 16, 15],
    ['a nameless one alone', [NAMELESS], 1, 16, 0],
    ['more than there are', [named('a'), named('b'), named('c')], 2, 16, -1],
  ] as const)('with %s', (_, backends, capacity, limit, missing) => {
    expect(backendsMissing({ backends, capacity, limit })).toBe(missing);
  });
});

describe('coverage', () => {
  it('is known only of named backends', () => {
    const of = (backends: Backend[]) => isCovered({ backends, capacity: 2, limit: 16 });

    expect(of([named('a'), named('b')])).toBe(true);
    expect(of([named('a'), named('a')])).toBe(false);
    expect(of([named('a'), UNKNOWN])).toBe(false);
    expect(of([NAMELESS, NAMELESS, NAMELESS, NAMELESS])).toBe(false);
  });
});

describe('the pause between fruitless draws', () => {
  it('is none for twice as many as are wanted, then doubles from a second to the cap', () => {
    const pauses = [0, 7, 8, 9, 12, 99].map((fruitless) => drawPauseMs(fruitless, 4, 60_000));

    expect(pauses).toEqual([0, 0, 1_000, 2_000, 16_000, 60_000]);
  });
});

describe('among connections', () => {
  it('the warmest is used where all lead to one place, the longest unused where they do not', () => {
    const idle = [5, 9, 7].map((lastUsed) => ({ outstanding: 0, room: 1, lastUsed }));

    expect([choose(idle, { spread: 1 }), choose(idle, { spread: 4 })]).toEqual([1, 0]);
  });

  it('one without room is never used', () => {
    expect(choose([{ outstanding: 0, room: 0, lastUsed: 0 }], { spread: 4 })).toBeUndefined();
  });

  it('those opened together leave one after the other', () => {
    expect([0, 0.5, 1].map((jitter) => lifeOf({ jitter }, 1_000))).toEqual([1_000, 950, 900]);
  });
});
