import { describe, expect, test } from 'vitest';
import { lowerQuartile, median, summarize } from '../../../bench/statistics.js';

const NAMES = { id: 'a.b', subject: 'ours', peer: 'theirs' };

describe('median', () => {
  test.each([
    { values: [3], expected: 3 },
    { values: [5, 1, 3], expected: 3 },
    { values: [4, 1, 2, 9], expected: 3 },
    { values: [10, 9, 1], expected: 9 },
  ])('of $values is $expected', ({ values, expected }) => {
    expect(median(values)).toBe(expected);
  });

  test('of nothing is an error, not a figure', () => {
    expect(() => median([])).toThrow('median of nothing');
  });
});

describe('lower quartile', () => {
  test.each([
    { values: [3], expected: 3 },
    { values: [7, 6, 5, 4, 3, 2, 1], expected: 2 },
    { values: [1, 100, 1, 100], expected: 1 },
  ])('of $values is $expected', ({ values, expected }) => {
    expect(lowerQuartile(values)).toBe(expected);
  });

  test('of nothing is an error', () => {
    expect(() => lowerQuartile([])).toThrow('quartile of nothing');
  });
});

describe('summary of rounds', () => {
  test('is the median of the ratios, not the ratio of the medians', () => {
    const rounds = [
      { subject: 1, peer: 10 },
      { subject: 10, peer: 20 },
      { subject: 2, peer: 16 },
    ];

    const result = summarize(NAMES, rounds);

    expect(result).toEqual({ ...NAMES, ratio: 8, min: 2, max: 10, upperQuartile: 10, rounds: 3 });
  });

  test('is not moved by one round in which something else had the machine', () => {
    const quiet = Array.from({ length: 4 }, () => ({ subject: 1, peer: 5 }));

    const result = summarize(NAMES, [...quiet, { subject: 50, peer: 5 }]);

    expect(result.ratio).toBe(5);
    expect(result.min).toBe(0.1);
  });

  test('refuses rounds that took no time', () => {
    expect(() => summarize(NAMES, [{ subject: 0, peer: 1 }])).toThrow('a.b');
  });
});
