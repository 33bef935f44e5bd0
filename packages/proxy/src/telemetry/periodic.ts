/** Something done again and again, for as long as a scope lives. */
import type { Clock, Scope } from '@isthmus/sdk/runtime';

/** Never when the interval is 0. The task is told the interval. */
export function every(scope: Scope, clock: Clock, intervalMs: number, task: (intervalMs: number) => void): void {
  if (intervalMs === 0) return;
  let cancel = () => {};
  const next = () => {
    cancel = clock.schedule(intervalMs, () => {
      task(intervalMs);
      next();
    });
  };
  next();
  scope.own(() => cancel());
}
