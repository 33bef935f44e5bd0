import { describe, expect, it } from 'vitest';
import { createBackoff } from '../../../src/runtime/backoff.js';

describe('a back-off', () => {
  it('doubles up to its cap', () => {
    const backoff = createBackoff({ firstMs: 10, capMs: 50, jitter: 0 });

    const delays = Array.from({ length: 5 }, () => backoff.next());

    expect(delays).toEqual([10, 20, 40, 50, 50]);
  });

  it('spreads a delay by the jitter, and never beyond the cap', () => {
    const randoms = [0, 1 - Number.EPSILON, 0.5, 1 - Number.EPSILON];
    const backoff = createBackoff({ firstMs: 100, capMs: 800, jitter: 0.2, random: () => randoms.shift() ?? 0 });

    const delays = Array.from({ length: 4 }, () => Math.round(backoff.next()));

    expect(delays).toEqual([80, 240, 400, 800]);
  });

  it('begins anew after a reset', () => {
    const backoff = createBackoff({ firstMs: 10, capMs: 50, jitter: 0 });
    backoff.next();
    backoff.next();

    backoff.reset();

    expect(backoff.next()).toBe(10);
  });
});
