/**
 * Says when a peer went away and when it is back, once each, with what to do; attempts in between are for debugging. Who
 * is there again soon was not away: control planes restart, renew their roots, and of two that become peers one knows of it
 * first.
 */
import type { ConnectionInit } from './connection.js';
import type { Peer } from './records.js';
import { remedyFor } from './remedy.js';

/** Attempts are a few milliseconds apart by then, so it is told little later. */
const SOON_MS = 1_000;

export interface Presence {
  /** A stream was accepted. */
  reached(): void;
  /** A stream ended, or could not be opened. */
  ended(): void;
}

export interface Situation {
  readonly peer: Peer;
  /** Why the last stream ended, or could not be opened. */
  readonly end: string;
  /** Until when what is in force is known to be right, ISO 8601; undefined when nothing is. */
  readonly asOf: string | undefined;
}

export function createPresence(
  situation: () => Situation,
  { clock, log, observe }: Pick<ConnectionInit, 'clock' | 'log' | 'observe'>,
): Presence {
  let phase: 'fresh' | 'there' | 'lost' | 'away' = 'fresh';
  let wasThere = false;
  let since = clock.now();

  return {
    reached() {
      const { cluster, address } = situation().peer;
      if (wasThere) observe({ kind: 'reconnected', peer: cluster });
      const story = phase === 'away' ? { cluster, address, awayMs: clock.now() - since } : { cluster, address };
      log.info(story, wasThere ? 'peer reached again' : 'peer reached');
      phase = 'there';
      wasThere = true;
    },
    ended() {
      const { peer, end: reason, asOf } = situation();
      const { cluster, address } = peer;
      if (phase === 'there') {
        phase = 'lost';
        since = clock.now();
      } else if (phase !== 'away' && clock.now() - since >= SOON_MS) {
        phase = 'away';
        const story = { cluster, address, reason, remedy: remedyFor(peer, reason) };
        if (asOf === undefined) log.warn(story, 'peer cannot be reached; nothing of it is known yet');
        else log.warn({ ...story, asOf }, 'peer is away; what it exported last stays in force');
      } else log.debug({ cluster, reason }, 'peer cannot be reached');
    },
  };
}
