import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import { createDebounce } from '../../src/files/index.js';

function debounced() {
  const clock = createVirtualClock();
  const runs: number[] = [];
  const debounce = createDebounce({ quietMs: 100, maxMs: 1000, clock, run: () => runs.push(clock.monotonic()) });
  return { clock, runs, debounce };
}

describe('a debounce', () => {
  it('runs once, when it has been quiet for long enough', () => {
    const { clock, runs, debounce } = debounced();

    debounce.touch();
    clock.advance(60);
    debounce.touch();
    clock.advance(1000);

    expect(runs).toEqual([160]);
  });

  it('runs at the latest after its longest wait, however busy it is', () => {
    const { clock, runs, debounce } = debounced();

    for (let touches = 0; touches < 30; touches++) {
      debounce.touch();
      clock.advance(50);
    }

    expect(runs).toEqual([1000]);
  });

  it('forgets what was touched when it is cancelled', () => {
    const { clock, runs, debounce } = debounced();

    debounce.touch();
    debounce.cancel();
    clock.advance(1000);

    expect(runs).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
