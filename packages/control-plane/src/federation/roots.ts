/**
 * Keeps up with the roots of a peer's CA, so that they can be replaced one by one: the peer is asked for them whenever it
 * is reached, and from time to time. It answers over a connection verified against those that are held, as SPIFFE's bundle
 * endpoints do; what it says then replaces them.
 */
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { describePeer } from './exchange.js';
import { fingerprintsOf } from './identity.js';
import type { Peer } from './records.js';

/** What SPIFFE suggests (Trust Domain and Bundle, 4.1.2: refresh hint). Whoever changes its roots ends streams besides. */
const REFRESH_MS = 5 * 60_000;

export interface RootsInit {
  /** As it is now. */
  readonly peer: () => Peer;
  readonly onRoots: (roots: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The function asks now; meanwhile asked again, it asks once more. */
export function followRoots(scope: Scope, { peer, onRoots, clock, log }: RootsInit): () => void {
  let asking: Promise<void> | undefined;
  let isWanted = false;
  let cancelTimer = () => {};
  scope.own(() => cancelTimer());

  async function ask(): Promise<void> {
    const { cluster, roots } = peer();
    try {
      const told = await describePeer(peer());
      const isNews = told.cluster === cluster && namesOf(told.roots) !== namesOf(roots);
      if (isNews && !scope.signal.aborted) onRoots(told.roots);
    } catch (error) {
      log.debug({ cluster, reason: (error as Error).message }, 'peer could not be asked for its roots');
    }
  }

  return function look(): void {
    if (scope.signal.aborted) return;
    isWanted = asking !== undefined;
    if (isWanted) return;
    cancelTimer();
    asking = ask().then(() => {
      asking = undefined;
      if (isWanted) look();
      else if (!scope.signal.aborted) cancelTimer = clock.schedule(REFRESH_MS, look);
    });
  };
}

/** In any order. */
function namesOf(roots: string): string {
  return [...fingerprintsOf(roots)].sort().join();
}
