/**
 * Tells that something in some directories changed; not what, because the reader compares contents anyway. Events can
 * be lost (inotify queues overflow, network file systems send none), so the caller also looks again from time to time.
 */
import { type FSWatcher, watch } from 'node:fs';

export interface WatchOutcome {
  /** Not watched before: what changed there between reading and watching was not heard of. */
  readonly added: number;
  /** Those that cannot be watched, with the reason. */
  readonly failures: ReadonlyMap<string, string>;
}

export interface DirectoryWatcher {
  /** Watches exactly these from now on. */
  set(directories: readonly string[]): WatchOutcome;
  close(): void;
}

export function createDirectoryWatcher(onChange: () => void): DirectoryWatcher {
  const watchers = new Map<string, FSWatcher>();

  function drop(directory: string): void {
    watchers.get(directory)?.close();
    watchers.delete(directory);
  }

  function add(directory: string): string | undefined {
    try {
      const watcher = watch(directory, { persistent: false }, onChange);
      // The directory itself was removed, or the watch was invalidated; the next read sets what exists then.
      watcher.on('error', () => {
        drop(directory);
        onChange();
      });
      watchers.set(directory, watcher);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  return {
    set(directories) {
      const wanted = new Set(directories);
      const failures = new Map<string, string>();
      let added = 0;
      for (const directory of watchers.keys()) if (!wanted.has(directory)) drop(directory);
      for (const directory of wanted) {
        if (watchers.has(directory)) continue;
        const failure = add(directory);
        if (failure === undefined) added += 1;
        else failures.set(directory, failure);
      }
      return { added, failures };
    },
    close() {
      for (const directory of [...watchers.keys()]) drop(directory);
    },
  };
}
