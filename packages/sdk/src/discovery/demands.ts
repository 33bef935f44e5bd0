/**
 * Asking for addresses by name: who waits for what, shared by all who ask for the same, and what is known about names
 * that nobody has.
 *
 * Bounds: a wait of 5 s; 10,000 names waited for, beyond which a name counts as unanswered at once; a name that was
 * answered, or not, is not asked for again within 5 s, and of 10,000 such names the oldest is forgotten first.
 */
import type { Clock } from '../runtime/clock.js';

const ANSWER_MS = 5_000;
const REMEMBER_MS = 5_000;
const MAX_WAITING = 10_000;
const MAX_REMEMBERED = 10_000;

export interface Demands {
  /**
   * Resolves with the names that nobody answered: about those nothing is known, while the others are in the snapshot or
   * do not exist. Never rejects.
   */
  demand(names: readonly string[]): Promise<readonly string[]>;
  /** A response answered these, be it with nothing. */
  answered(names: readonly string[]): void;
}

type Outcome = 'answered' | 'unanswered';

interface Waiting {
  readonly outcome: Promise<Outcome>;
  settle(outcome: Outcome): void;
}

export function createDemands(clock: Clock, send: (names: readonly string[]) => void): Demands {
  return new DemandTable(clock, send);
}

class DemandTable implements Demands {
  readonly #clock: Clock;
  readonly #send: (names: readonly string[]) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #remembered = new Map<string, { readonly outcome: Outcome; readonly until: number }>();

  constructor(clock: Clock, send: (names: readonly string[]) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  async demand(names: readonly string[]): Promise<readonly string[]> {
    const fresh: string[] = [];
    const asked = [...new Set(names)].map((name) => ({ name, outcome: this.#outcomeOf(name, fresh) }));
    if (fresh.length > 0) this.#send(fresh);
    const outcomes = await Promise.all(asked.map(async ({ name, outcome }) => ({ name, outcome: await outcome })));
    return outcomes.flatMap(({ name, outcome }) => (outcome === 'unanswered' ? name : []));
  }

  answered(names: readonly string[]): void {
    for (const name of names) this.#close(name, 'answered');
  }

  /** Adds the name to `fresh` when it has to be asked for. */
  #outcomeOf(name: string, fresh: string[]): Promise<Outcome> | Outcome {
    const waiting = this.#waiting.get(name);
    if (waiting) return waiting.outcome;
    const remembered = this.#remembered.get(name);
    if (remembered && this.#clock.monotonic() < remembered.until) return remembered.outcome;
    this.#remembered.delete(name);
    if (this.#waiting.size >= MAX_WAITING) return 'unanswered';
    fresh.push(name);
    return this.#open(name).outcome;
  }

  #open(name: string): Waiting {
    let resolve: (outcome: Outcome) => void = () => {};
    const outcome = new Promise<Outcome>((fulfil) => {
      resolve = fulfil;
    });
    const cancel = this.#clock.schedule(ANSWER_MS, () => this.#close(name, 'unanswered'));
    const waiting: Waiting = {
      outcome,
      settle(how) {
        cancel();
        resolve(how);
      },
    };
    this.#waiting.set(name, waiting);
    return waiting;
  }

  #close(name: string, outcome: Outcome): void {
    const waiting = this.#waiting.get(name);
    if (!waiting) return;
    this.#waiting.delete(name);
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined && this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(oldest);
    this.#remembered.set(name, { outcome, until: this.#clock.monotonic() + REMEMBER_MS });
    waiting.settle(outcome);
  }
}
