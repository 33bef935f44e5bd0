/**
 * When a group looks for further backends: draws, dials that nobody waits for. Bounds: `PARALLEL_DRAWS` under way; pauses
 * after draws that failed or led to a backend already known.
 */
import { backendsMissing, backendsWanted, type Coverage, drawPauseMs } from './pool-policy.js';

/** Enough to be warm soon, few enough that a gateway sees no storm from one client. */
const PARALLEL_DRAWS = 4;
/** A failed draw is not repeated at once: callers are served by what there is. */
const FAILED_DRAW_PAUSE_MS = 5_000;

export class Draws {
  /** Under way. */
  count = 0;
  /** In a row that led to a known backend. */
  #fruitless = 0;
  /** Monotonic. */
  #notBefore = Number.NEGATIVE_INFINITY;

  /** Whether one more is worth it. `needed` dials are under way for waiters: they reach further backends as well. */
  isDue(coverage: Coverage, needed: number, now: number): boolean {
    const { limit, backends } = coverage;
    if (limit === 1 || backends.length === 0 || now < this.#notBefore) return false;
    return this.count < PARALLEL_DRAWS && backendsMissing(coverage) > needed + this.count;
  }

  failed(now: number): void {
    this.#notBefore = now + FAILED_DRAW_PAUSE_MS;
  }

  ledToNew(): void {
    this.#fruitless = 0;
  }

  /** `capMs` is the longest pause. */
  ledToKnown(coverage: Coverage, now: number, capMs: number): void {
    this.#fruitless += 1;
    const pauseMs = drawPauseMs(this.#fruitless, backendsWanted(coverage), capMs);
    this.#notBefore = Math.max(this.#notBefore, now + pauseMs);
  }
}
