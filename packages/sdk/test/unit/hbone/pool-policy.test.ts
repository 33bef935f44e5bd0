/** How many connections through a gateway are worth having, and when to stop looking for backends. */
import { describe, expect, it } from 'vitest';
import { Draws } from '../../../src/hbone/client/pool-draws.js';
import {
  type Backend,
  backendsMissing,
  type Coverage,
  choose,
  dialsMissing,
  drawPauseMs,
  isCovered,
  isHeld,
  lifeOf,
  shouldReplace,
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

describe('dials missing', () => {
  it('are as many as those who wait fill, those under way subtracted', () => {
    expect([dialsMissing(0, 0, 100), dialsMissing(1, 0, 100), dialsMissing(101, 1, 100)]).toEqual([0, 1, 1]);
    expect([dialsMissing(100, 1, 100), dialsMissing(12, 3, 1), dialsMissing(1, 5, 1)]).toEqual([0, 9, 0]);
  });
});

describe('a connection at its age', () => {
  const covered: Coverage = { backends: [named('a')], capacity: 1, limit: 16 };
  const open: Coverage = { ...covered, capacity: 2 };

  it.each([
    ['gives way to another', 60, 59, open, true],
    ['stays in a group that nobody has used since', 60, 0, open, false],
    ['stays where every backend is reached', 60, 59, covered, false],
    ['gives way even there in the end', 600, 599, covered, true],
  ])('%s', (_, now, usedAt, coverage, expected) => {
    expect(shouldReplace({ openedAt: 0, usedAt, now, ageMs: 60 }, coverage)).toBe(expected);
  });
});

describe('draws', () => {
  const some: Coverage = { backends: [named('a')], capacity: 9, limit: 16 };

  it('are due while backends are missing, four at a time', () => {
    const draws = new Draws();
    const due = [0, 1, 2, 3, 4].map((count) => {
      draws.count = count;
      return draws.isDue(some, 0, 0);
    });

    expect(due).toEqual([true, true, true, true, false]);
  });

  it('are never due where all connections lead to one place, nor before the first', () => {
    const draws = new Draws();

    expect(draws.isDue({ ...some, limit: 1 }, 0, 0)).toBe(false);
    expect(draws.isDue({ ...some, backends: [] }, 0, 0)).toBe(false);
  });

  it('pause for five seconds after one that failed', () => {
    const draws = new Draws();
    draws.failed(1_000);

    expect([draws.isDue(some, 0, 5_999), draws.isDue(some, 0, 6_000)]).toEqual([false, true]);
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

  it.each([1, 4])('one that is held comes last, and is better than none (spread %i)', (spread) => {
    const [held, loaded] = [
      { outstanding: 0, room: 1, lastUsed: 9, isHeld: true },
      { outstanding: 50, room: 1, lastUsed: 0, isHeld: false },
    ];

    expect([choose([held, loaded], { spread }), choose([held], { spread })]).toEqual([1, 0]);
  });

  it('a used-up window holds a connection after a second, not before', () => {
    expect([undefined, 0, 1, 500].map((since) => isHeld(since, 1_000))).toEqual([false, true, false, false]);
  });

  it('those opened together leave one after the other', () => {
    expect([0, 0.5, 1].map((jitter) => lifeOf({ jitter }, 1_000))).toEqual([1_000, 950, 900]);
  });
});
