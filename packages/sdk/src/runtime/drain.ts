/**
 * Stopping without cutting anyone off: new work is refused from the signal on, work under way gets until the deadline.
 * Whoever drains closes its scope when `start` has resolved, whatever the outcome; only then are connections cut.
 */
import { setMaxListeners } from 'node:events';
import { type Clock, pause } from './clock.js';

export interface DrainInit {
  readonly clock: Clock;
  /** How long work under way may take. ztunnel: CONNECTION_TERMINATION_DEADLINE, 5 s. */
  readonly deadlineMs: number;
  /** Pieces of work still under way. */
  openConnections(): number;
}

/** `idle`: all work ended by itself. `deadline`: it did not. `forced`: somebody would not wait. */
export type DrainOutcome = 'idle' | 'deadline' | 'forced';

export interface Drain {
  /** Aborts when draining starts. */
  readonly signal: AbortSignal;
  /** Starts draining; every call gets the same outcome. */
  start(): Promise<DrainOutcome>;
  /** Ends the wait, for instance on a second interrupt. Starts draining when nobody did. */
  force(): void;
}

/** Short against any deadline, long against a loop over a few listeners. */
const POLL_MS = 50;

export function createDrain({ clock, deadlineMs, openConnections }: DrainInit): Drain {
  const draining = new AbortController();
  const forced = new AbortController();
  // One for each listener and connection there is; their number is bounded where they are accepted.
  setMaxListeners(0, draining.signal);
  let outcome: Promise<DrainOutcome> | undefined;

  async function wait(): Promise<DrainOutcome> {
    const deadline = clock.monotonic() + deadlineMs;
    for (;;) {
      if (forced.signal.aborted) return 'forced';
      if (openConnections() === 0) return 'idle';
      const leftMs = deadline - clock.monotonic();
      if (leftMs <= 0) return 'deadline';
      await pause(clock, Math.min(POLL_MS, leftMs), forced.signal);
    }
  }

  function start(): Promise<DrainOutcome> {
    if (!outcome) {
      draining.abort();
      outcome = wait();
    }
    return outcome;
  }

  return {
    signal: draining.signal,
    start,
    force() {
      forced.abort();
      void start();
    },
  };
}
