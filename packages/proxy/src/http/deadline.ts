/** One timer that is moved about: arming it again replaces what was armed before. */
import type { Clock } from '@isthmus/sdk/runtime';

export interface Deadline {
  arm(delayMs: number): void;
  cancel(): void;
}

export function createDeadline(clock: Clock, onPassed: () => void): Deadline {
  let disarm: (() => void) | undefined;
  function cancel(): void {
    disarm?.();
    disarm = undefined;
  }
  return {
    arm(delayMs) {
      cancel();
      disarm = clock.schedule(delayMs, () => {
        disarm = undefined;
        onPassed();
      });
    },
    cancel,
  };
}
