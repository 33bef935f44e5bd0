/**
 * Callers that wait for a member of their group, first come first served. Each is settled exactly once: by a member, by a
 * failure, or by its own signal. How many dials they are worth is the group's to know.
 */
import type { Member } from './pool-member.js';

export interface Seeker {
  readonly signal: AbortSignal | undefined;
  /** Members it cannot use: it has been there, or they are too old for it. */
  excludes(member: Member): boolean;
}

export interface Waiter extends Seeker {
  take(member: Member): void;
  fail(reason: unknown): void;
}

export class Waiters {
  readonly #waiting = new Set<Waiter>();
  readonly #failed: () => void;

  /** `failed` is called after each that left without a member. */
  constructor(failed: () => void) {
    this.#failed = failed;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Calls `place` with a waiter that runs `use` at once when it takes a member, so that nobody else takes the stream.
   * Settles as `use` does; rejects with what the waiter fails of, or with the signal's reason.
   */
  admit<Result>(
    { signal, excludes }: Seeker,
    use: (member: Member) => Result,
    place: (waiter: Waiter) => void,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = () => waiter.fail(signal?.reason);
      const leave = () => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        signal,
        excludes,
        take: (member) => {
          leave();
          try {
            resolve(use(member));
          } catch (error) {
            reject(error);
          }
        },
        fail: (reason) => {
          leave();
          reject(reason);
          this.#failed();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      place(waiter);
    });
  }

  hold(waiter: Waiter): void {
    this.#waiting.add(waiter);
  }

  serve(find: (seeker: Seeker) => Member | undefined): void {
    for (const waiter of [...this.#waiting]) {
      const member = find(waiter);
      if (member) waiter.take(member);
    }
  }

  failFirst(count: number, reason: unknown): void {
    for (const waiter of [...this.#waiting].slice(0, count)) waiter.fail(reason);
  }

  failBeyond(count: number, reason: unknown): void {
    for (const waiter of [...this.#waiting].slice(count)) waiter.fail(reason);
  }
}
