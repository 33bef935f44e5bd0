import { describe, expect, test, vi } from 'vitest';
import { checkIds, judge, parseBaseline, shortfallOf, updateBaseline } from '../../../bench/gate.js';
import type { Result } from '../../../bench/statistics.js';

const BASELINE = { 'a.fast': { floor: 5, ratio: 10 }, 'b.even': { floor: 1, ratio: 1.1 } };

function resultOf(id: string, ratio: number): Result {
  return { id, subject: 'ours', peer: 'theirs', ratio, min: ratio, max: ratio, upperQuartile: ratio, rounds: 5 };
}

describe('a case', () => {
  test.each([
    { ratio: 10, expected: undefined },
    { ratio: 8.5, expected: undefined },
    { ratio: 8.49, expected: { rule: 'committed ratio', limit: 8.5 } },
    { ratio: 5, expected: { rule: 'committed ratio', limit: 8.5 } },
    { ratio: 4.99, expected: { rule: 'floor', limit: 5 } },
  ])('of floor 5 and committed ratio 10 that comes to $ratio: $expected', ({ ratio, expected }) => {
    const shortfall = shortfallOf(BASELINE['a.fast'], resultOf('a.fast', ratio));

    expect(shortfall).toEqual(expected && { id: 'a.fast', ratio, ...expected });
  });
});

describe('the verdict', () => {
  test('fails what is below twice running, with the second figure', async () => {
    const again = vi.fn(async (id: string) => resultOf(id, 8));

    const verdict = await judge(BASELINE, [resultOf('a.fast', 7), resultOf('b.even', 1.2)], again);

    expect(again.mock.calls).toEqual([['a.fast']]);
    expect(verdict.failures).toEqual([{ id: 'a.fast', ratio: 8, limit: 8.5, rule: 'committed ratio' }]);
    expect(verdict.recovered).toEqual([]);
  });

  test('forgives what is below once, and says so', async () => {
    const verdict = await judge(BASELINE, [resultOf('a.fast', 4)], async (id) => resultOf(id, 9));

    expect(verdict).toEqual({ failures: [], recovered: [{ id: 'a.fast', ratio: 4, limit: 5, rule: 'floor' }] });
  });

  test('measures nothing again when all is well', async () => {
    const again = vi.fn(async (id: string) => resultOf(id, 1));

    const verdict = await judge(BASELINE, [resultOf('a.fast', 20), resultOf('b.even', 1)], again);

    expect(again).not.toHaveBeenCalled();
    expect(verdict).toEqual({ failures: [], recovered: [] });
  });

  test('refuses a result without a row', async () => {
    const judged = judge(BASELINE, [resultOf('c.new', 9)], async (id) => resultOf(id, 9));

    await expect(judged).rejects.toThrow("no row 'c.new'");
  });
});

describe('the baseline', () => {
  test('has to have the rows of the cases, no fewer and no more', () => {
    expect(() => checkIds(BASELINE, ['a.fast', 'b.even'])).not.toThrow();
    expect(() => checkIds(BASELINE, ['a.fast', 'b.even', 'c.new'])).toThrow("no row 'c.new'");
    expect(() => checkIds(BASELINE, ['a.fast'])).toThrow('b.even');
  });

  test.each(['{"x":{"floor":0,"ratio":1}}', '{"x":{"ratio":1}}', '{"x":{"floor":1,"ratio":null}}'])(
    'is refused with the name of the row: %s',
    (text) => {
      expect(() => parseBaseline(text)).toThrow("'x'");
    },
  );

  test('is updated to the lowest ratio of all runs, and keeps its floors', () => {
    const runs = [[resultOf('a.fast', 12.349)], [resultOf('a.fast', 11.999), resultOf('b.even', 2)]];

    expect(updateBaseline(BASELINE, runs)).toEqual({
      'a.fast': { floor: 5, ratio: 11.99 },
      'b.even': { floor: 1, ratio: 2 },
    });
  });
});
