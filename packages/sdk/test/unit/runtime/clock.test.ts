import { afterEach, describe, expect, it, vi } from 'vitest';
import { pause, realClock } from '../../../src/runtime/clock.js';
import { createVirtualClock } from '../../../src/testing.js';

describe('pause', () => {
  it('resolves when the time is over, not before', async () => {
    const clock = createVirtualClock();
    let over = false;
    const paused = pause(clock, 100).then(() => {
      over = true;
    });

    clock.advance(99);
    await Promise.resolve();
    const overEarly = over;
    clock.advance(1);
    await paused;

    expect(overEarly).toBe(false);
  });

  it('resolves at once on abort and leaves no timer behind', async () => {
    const clock = createVirtualClock();
    const controller = new AbortController();
    const paused = pause(clock, 100, controller.signal);

    controller.abort();
    await paused;

    expect(clock.pending).toBe(0);
  });

  it('does not begin when the signal is aborted already', async () => {
    const clock = createVirtualClock();

    await pause(clock, 100, AbortSignal.abort());

    expect(clock.pending).toBe(0);
  });
});

describe('the real clock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('waits out delays longer than a Node timer can hold', () => {
    vi.useFakeTimers();
    const fortyDaysMs = 40 * 24 * 3_600_000;
    let runs = 0;
    realClock.schedule(fortyDaysMs, () => void runs++);

    vi.advanceTimersByTime(fortyDaysMs - 1);
    const runsEarly = runs;
    vi.advanceTimersByTime(1);

    expect(runsEarly).toBe(0);
    expect(runs).toBe(1);
  });

  it('cancels a delay after its first hop', () => {
    vi.useFakeTimers();
    let runs = 0;
    const cancel = realClock.schedule(2 ** 31 + 1000, () => void runs++);
    vi.advanceTimersByTime(2 ** 31);

    cancel();
    vi.advanceTimersByTime(10_000);

    expect(runs).toBe(0);
  });

  it('never keeps the process alive', () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

    const cancel = realClock.schedule(60_000, () => {});
    const after = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    cancel();

    expect(after).toBe(before);
  });
});
