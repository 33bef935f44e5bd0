/**
 * When what a peer exports is written down: soon after it changed, from time to time while it does not, so that its age
 * stays true, and at the end. Writing takes at most a twentieth of the time, however much there is.
 */
import type { Snapshot } from '@isthmus/sdk/discovery';
import type { Clock, Logger } from '@isthmus/sdk/runtime';
import type { Peer } from '../records.js';
import type { SavedImports } from './files.js';

export interface KeeperInit {
  readonly peer: () => Peer;
  readonly saved: Pick<SavedImports, 'save' | 'remove'>;
  /** What is in force now; without records it was saved already. */
  readonly current: () => { readonly records?: () => Snapshot; readonly asOf: () => number } | undefined;
  /** Nothing is written before: what was written before is still being read. */
  readonly after: Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Keeper {
  /** It changed. */
  touch(): void;
  /** Writes it now, and nothing any more. */
  close(): Promise<void>;
  /** Removes what was written, and writes nothing any more. */
  forget(): Promise<void>;
}

const QUIET_MS = 1_000;
/** So much older than the truth may what is written say it is. */
const REFRESH_MS = 10 * 60_000;
const SHARE = 20;

export function createKeeper({ peer, saved, current, after, clock, log }: KeeperInit): Keeper {
  let writing: Promise<void> = after.then(() => {});
  let isOver = false;
  let isFailing = false;
  let dueAt = Number.POSITIVE_INFINITY;
  let cancelTimer = () => {};
  let pauseMs = QUIET_MS;

  function writeWithin(ms: number): void {
    const at = clock.monotonic() + ms;
    if (isOver || at >= dueAt) return;
    cancelTimer();
    dueAt = at;
    cancelTimer = clock.schedule(ms, () => {
      dueAt = Number.POSITIVE_INFINITY;
      queue();
      writeWithin(REFRESH_MS);
    });
  }

  function queue(): void {
    writing = writing.then(write);
  }

  async function write(): Promise<void> {
    const { records, asOf } = current() ?? {};
    if (!records || !asOf) return;
    const { cluster } = peer();
    const start = clock.monotonic();
    try {
      await saved.save(peer(), records(), asOf());
      isFailing = false;
    } catch (error) {
      if (!isFailing)
        log.warn(
          { cluster, reason: (error as Error).message },
          'imports cannot be saved: a restart while the peer is away would lose them; check federation.directory',
        );
      isFailing = true;
    }
    pauseMs = Math.max(QUIET_MS, SHARE * (clock.monotonic() - start));
  }

  function stop(): void {
    isOver = true;
    cancelTimer();
  }

  return {
    touch: () => writeWithin(pauseMs),
    async close() {
      if (isOver) return writing;
      stop();
      queue();
      await writing;
    },
    async forget() {
      stop();
      await writing;
      await saved.remove(peer().cluster);
    },
  };
}
