/**
 * What of a peer is in force, and since when it may be wrong. It is replaced as a whole: by what the peer says now, or, as
 * long as it has said nothing, by what an earlier process saved, which counts up to an age.
 */
import type { Snapshot } from '@isthmus/sdk/discovery';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import type { Connection } from './connection.js';
import { createImports, type Imports } from './imports.js';
import type { Peer } from './records.js';
import type { Restored } from './saved/index.js';

export interface Generation {
  readonly imports: Imports;
  readonly from: 'peer' | 'disk';
  /** What there is to save; absent when it was saved. */
  readonly records?: () => Snapshot;
  /** Until when it is known to be what the peer exports, milliseconds since the epoch. */
  readonly asOf: () => number;
}

export interface Generations {
  readonly inForce: Generation | undefined;
  /** How often everything that the peer says was taken over. */
  readonly count: number;
  takeOver(connection: Connection): void;
  /** Unless the peer was quicker. */
  restore(peer: Peer, found: Restored): void;
  /** Nobody will say any more whether it is still right. */
  freeze(): void;
}

export interface GenerationsInit {
  /** Of what was saved, milliseconds. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onChange: () => void;
}

export function createGenerations(scope: Scope, { maxAgeMs, clock, log, onChange }: GenerationsInit): Generations {
  let inForce: Generation | undefined;
  let count = 0;

  function expireAfter(delayMs: number, restored: Generation, story: object): void {
    const cancel = clock.schedule(delayMs, () => {
      if (inForce !== restored) return;
      inForce = undefined;
      log.warn(story, 'saved imports are too old by now and count no longer; the peer is known once it can be reached');
      onChange();
    });
    scope.own(cancel);
  }

  return {
    get inForce() {
      return inForce;
    },
    get count() {
      return count;
    },
    takeOver(connection) {
      count += 1;
      inForce = {
        imports: connection.imports,
        from: 'peer',
        records: () => connection.records,
        asOf: () => lastHeard(connection, clock),
      };
      onChange();
    },
    restore(peer, found) {
      if (inForce || scope.signal.aborted) return;
      // A clock that was set back makes nothing younger than it is now.
      const asOf = Math.min(found.asOf, clock.now());
      const story = { cluster: peer.cluster, asOf: new Date(asOf).toISOString(), maxAgeMs };
      const leftMs = asOf + maxAgeMs - clock.now();
      if (leftMs <= 0) {
        log.warn(story, 'saved imports are too old to count; the peer is known once it can be reached');
        return;
      }
      const imports = createImports(peer);
      imports.apply({ upserts: found.records, removals: [] });
      inForce = { imports, from: 'disk', asOf: () => asOf };
      expireAfter(leftMs, inForce, story);
      log.info({ ...story, ...imports.records }, 'imports are those that were saved, until the peer is reached');
      onChange();
    },
    freeze() {
      if (!inForce) return;
      const asOf = inForce.asOf();
      inForce = { ...inForce, asOf: () => asOf };
    },
  };
}

function lastHeard(connection: Connection, clock: Clock): number {
  const { connected, since } = connection.status();
  return connected ? clock.now() : since;
}
