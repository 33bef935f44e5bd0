/** Time as something a caller owns: the real one here, a virtual one in `@isthmus/sdk/testing`. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
  /** Runs `task` once after `delayMs`; the returned function cancels it. Never keeps the process alive. */
  schedule(delayMs: number, task: () => void): () => void;
}

/** setTimeout fires at once on delays beyond 2^31 - 1 ms (25 days); half the life of a long certificate is more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, task) {
    let timer = arm(delayMs);
    function arm(restMs: number): NodeJS.Timeout {
      const next = Math.min(restMs, LONGEST_TIMER_MS);
      return setTimeout(() => {
        if (restMs > next) timer = arm(restMs - next);
        else task();
      }, next).unref();
    }
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`, or at once when the signal aborts. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const cancel = clock.schedule(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
    function done() {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    }
  });
}
