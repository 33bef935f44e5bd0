/**
 * The decisions behind a plan, in the order they are made. They are told by the very code that makes them, to whoever
 * listens; a connection is planned without a listener and pays nothing.
 */
import type { Candidate } from './plan.js';

export interface Step {
  readonly what: 'destination' | 'waypoint' | 'endpoint' | 'gateway';
  /** What was decided about. */
  readonly subject: string;
  readonly outcome: string;
  /** Everybody who was considered, with the reason each was taken or passed over. */
  readonly candidates: readonly Candidate[];
}

/** Must not throw. */
export type Observe = (step: Step) => void;
