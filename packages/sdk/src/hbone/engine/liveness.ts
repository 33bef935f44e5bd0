/**
 * Is the peer still there? A PING when the interval has passed since the start or the last answer, then silence for at
 * most the timeout (ztunnel's rule, not suppressed by data). Time is given, never read.
 */
export interface LivenessInit {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

type State =
  | { readonly kind: 'resting'; readonly pingAt: number }
  | { readonly kind: 'waiting'; readonly deadAt: number };

export class Liveness {
  readonly #init: LivenessInit;
  #state: State;

  constructor(init: LivenessInit, now: number) {
    this.#init = init;
    this.#state = { kind: 'resting', pingAt: now + init.intervalMs };
  }

  /** When `step` has something to say. */
  get dueAt(): number {
    return this.#state.kind === 'resting' ? this.#state.pingAt : this.#state.deadAt;
  }

  /** `ping`: send one now. `dead`: no answer came in time. */
  step(now: number): 'none' | 'ping' | 'dead' {
    if (now < this.dueAt) return 'none';
    if (this.#state.kind === 'waiting') return 'dead';
    this.#state = { kind: 'waiting', deadAt: now + this.#init.timeoutMs };
    return 'ping';
  }

  answered(now: number): void {
    this.#state = { kind: 'resting', pingAt: now + this.#init.intervalMs };
  }
}
