/**
 * Many events into one run: after `quietMs` without an event, but at the latest `maxMs` after the first (istiod's
 * PILOT_DEBOUNCE_AFTER and PILOT_DEBOUNCE_MAX). Editors and `kubectl` write a directory in bursts.
 */
import type { Clock } from '@isthmus/sdk/runtime';

export interface DebounceInit {
  readonly quietMs: number;
  readonly maxMs: number;
  readonly clock: Clock;
  readonly run: () => void;
}

export interface Debounce {
  touch(): void;
  /** Forgets what was touched. */
  cancel(): void;
}

export function createDebounce({ quietMs, maxMs, clock, run }: DebounceInit): Debounce {
  let firstMs: number | undefined;
  let cancelTimer = () => {};

  function fire(): void {
    firstMs = undefined;
    run();
  }

  return {
    touch() {
      const now = clock.monotonic();
      firstMs ??= now;
      cancelTimer();
      cancelTimer = clock.schedule(Math.max(0, Math.min(quietMs, firstMs + maxMs - now)), fire);
    },
    cancel() {
      cancelTimer();
      firstMs = undefined;
    },
  };
}
