import { describe, expect, it } from 'vitest';
import { createDrain } from '../../../src/runtime/drain.js';
import { createVirtualClock } from '../../../src/testing.js';

function setUp(open: number) {
  const clock = createVirtualClock();
  const state = { open };
  const drain = createDrain({ clock, deadlineMs: 5_000, openConnections: () => state.open });
  return { clock, state, drain };
}

/** Lets promise callbacks run between two steps of the virtual clock. */
async function advance(clock: ReturnType<typeof createVirtualClock>, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    clock.advance(Math.min(50, ms - passed));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

describe('a drain', () => {
  it('is over at once when nothing is open', async () => {
    const { drain } = setUp(0);

    const outcome = await drain.start();

    expect(outcome).toBe('idle');
    expect(drain.signal.aborted).toBe(true);
  });

  it('waits until the last connection has ended', async () => {
    const { clock, state, drain } = setUp(2);
    const outcome = drain.start();

    await advance(clock, 1_000);
    state.open = 0;
    await advance(clock, 50);

    expect(await outcome).toBe('idle');
    expect(clock.pending).toBe(0);
  });

  it('gives up at its deadline', async () => {
    const { clock, drain } = setUp(1);
    const outcome = drain.start();

    await advance(clock, 5_000);

    expect(await outcome).toBe('deadline');
  });

  it('can be cut short', async () => {
    const { clock, drain } = setUp(1);
    const outcome = drain.start();

    drain.force();

    expect(await outcome).toBe('forced');
    expect(clock.pending).toBe(0);
  });

  it('starts once', () => {
    const { drain } = setUp(1);

    const outcomes = [drain.start(), drain.start()];

    expect(outcomes[0]).toBe(outcomes[1]);
  });
});
