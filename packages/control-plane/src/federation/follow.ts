/** Keeps up with the peers in the directory: told of changes by the file system, and looking by itself from time to time. */
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import type { Settings } from '../config.js';
import { createDebounce, createDirectoryWatcher } from '../files/index.js';
import type { ReadPeers } from './state.js';

export interface FollowInit {
  readonly settings: Pick<Settings, 'debounce' | 'rescanInterval'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly directories: readonly string[];
  readonly read: () => Promise<ReadPeers>;
  readonly follow: (found: ReadPeers) => void;
}

/** Resolves after the first read, with what reads again at once and resolves then; reads also when something changes there, and from time to time. */
export async function followDirectory(
  scope: Scope,
  { settings, clock, log, directories, read, follow }: FollowInit,
): Promise<() => Promise<void>> {
  const {
    debounce: { quiet: quietMs, max: maxMs },
    rescanInterval,
  } = settings;
  let reading: Promise<void> = Promise.resolve();
  let cancelRescan = () => {};
  const look = async () => {
    if (scope.signal.aborted) return;
    cancelRescan();
    await read()
      .then((found) => {
        // Who is found now would be linked to nothing.
        if (!scope.signal.aborted) follow(found);
      })
      .catch((error: unknown) => log.error({ err: error, directories }, 'peers could not be read'));
    if (!scope.signal.aborted) cancelRescan = clock.schedule(rescanInterval, () => void again());
  };
  const again = () => {
    reading = reading.then(look);
    return reading;
  };
  const debounce = createDebounce({ quietMs, maxMs, clock, run: () => void again() });
  const watcher = createDirectoryWatcher(() => debounce.touch());
  scope.own(async () => {
    debounce.cancel();
    cancelRescan();
    watcher.close();
    await reading;
  });
  // Watched first: what changes while reading is then heard of.
  watcher.set(directories);
  await again();
  return again;
}
