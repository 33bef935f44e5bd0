/** A retry schedule: doubling with jitter. No delay is ever longer than the cap, jitter included. */
export interface BackoffInit {
  readonly firstMs: number;
  readonly capMs: number;
  /** Share of the delay that is random, 0 to 1. Default 0.2. */
  readonly jitter?: number;
  /** Uniform in [0, 1). Default Math.random. */
  readonly random?: () => number;
}

export interface Backoff {
  /** The delay before the next attempt, in milliseconds. */
  next(): number;
  /** After a success. */
  reset(): void;
}

export function createBackoff({ firstMs, capMs, jitter = 0.2, random = Math.random }: BackoffInit): Backoff {
  let delayMs = firstMs;
  return {
    next() {
      const current = delayMs;
      delayMs = Math.min(delayMs * 2, capMs);
      return Math.min(current * (1 - jitter + 2 * jitter * random()), capMs);
    },
    reset() {
      delayMs = firstMs;
    },
  };
}
