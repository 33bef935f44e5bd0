/**
 * Keeps up with what is in some directories: looks when the file system tells of a change, and from time to time, because
 * it does not always tell (queues overflow, network file systems say nothing, a directory is replaced as a whole).
 */
import type { Clock, Scope } from '@isthmus/sdk/runtime';
import { createDebounce } from './debounce.js';
import { createDirectoryWatcher } from './watch.js';

/** How eagerly; what all who follow files have in common. */
export interface FollowPace {
  readonly clock: Clock;
  /** See `debounce.ts`. */
  readonly quietMs: number;
  readonly maxMs: number;
  /** Looks so long after the last look, even when nothing was heard of. */
  readonly rescanMs: number;
}

export interface FollowInit extends FollowPace {
  readonly directories: readonly string[];
  /** One at a time. Must not reject. */
  readonly look: () => Promise<void>;
}

/** Resolves after the first look, with what looks again at once and resolves then. */
export async function followDirectories(scope: Scope, init: FollowInit): Promise<() => Promise<void>> {
  const { directories, clock, quietMs, maxMs, rescanMs } = init;
  let looking: Promise<void> = Promise.resolve();
  let cancelRescan = () => {};
  const look = async () => {
    if (scope.signal.aborted) return;
    cancelRescan();
    await init.look();
    if (!scope.signal.aborted) cancelRescan = clock.schedule(rescanMs, () => void again());
  };
  const again = () => {
    looking = looking.then(look);
    return looking;
  };
  const debounce = createDebounce({ quietMs, maxMs, clock, run: () => void again() });
  const watcher = createDirectoryWatcher(() => debounce.touch());
  scope.own(async () => {
    debounce.cancel();
    cancelRescan();
    watcher.close();
    await looking;
  });
  // Watched first: what changes while looking is then heard of.
  watcher.set(directories);
  await again();
  return again;
}
