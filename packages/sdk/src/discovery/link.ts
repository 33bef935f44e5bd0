/**
 * Whether the control plane is there, and since when. Says so once per change: an outage of an hour is two lines, not
 * the two hundred and fifty attempts in between (those are debug).
 */
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import type { StreamEnd } from './delta-stream.js';

export interface LinkState {
  readonly connected: boolean;
  /** When `connected` became what it is, milliseconds since the epoch. */
  readonly since: number;
  /** Why the last stream ended, or could not be opened. */
  readonly lastEnd?: StreamEnd;
}

export interface Link {
  readonly state: LinkState;
  /** A stream was accepted. */
  up(): void;
  /** A stream ended, or could not be opened. */
  down(end: StreamEnd): void;
}

export function createLink(address: string, clock: Clock, log: Logger): Link {
  let state: LinkState = { connected: false, since: clock.now() };
  let phase: 'fresh' | 'up' | 'away' = 'fresh';
  return {
    get state() {
      return state;
    },
    up() {
      const awayMs = clock.now() - state.since;
      if (phase === 'away') log.info({ address, awayMs }, 'control plane reached again');
      else log.info({ address }, 'control plane reached');
      phase = 'up';
      state = { ...state, connected: true, since: clock.now() };
    },
    down(end) {
      const story = { address, ...end };
      if (phase === 'up') log.warn(story, 'control plane lost, going on with the last configuration');
      else if (phase === 'fresh') log.warn(story, 'control plane cannot be reached yet');
      else log.debug(story, 'control plane still away');
      phase = 'away';
      state = { connected: false, since: state.connected ? clock.now() : state.since, lastEnd: end };
    },
  };
}
