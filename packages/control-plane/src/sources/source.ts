/**
 * A directory as a live source of one cluster: read, watched, read again. Each good read replaces the previous
 * generation as a whole; a bad one (unreadable, truncated, contradictory) leaves the last good generation live and is
 * told once.
 *
 *   reading ── good ──> live <── good ─┐
 *      └────── bad ───> empty          │      live ── bad ──> stale (last good generation, with problems) ── good ──> live
 */
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { createDebounce, createDirectoryWatcher } from '../files/index.js';
import { formatProblem, type Problem } from '../schema/index.js';
import type { Assembled, Generation } from './generation.js';
import { createDirectoryReader } from './reader.js';
import { countObjects } from './shards.js';

export interface SourceInit {
  readonly cluster: string;
  readonly directory: string;
  readonly clusterDomain: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** See `debounce.ts`. */
  readonly quietMs: number;
  readonly maxMs: number;
  /** How often to look without having been told. */
  readonly rescanMs: number;
  /** After every read that changed the generation. */
  readonly onGeneration: () => void;
}

export interface SourceStatus {
  readonly cluster: string;
  /** Of a directory. */
  readonly directory?: string;
  /** Of an API server. */
  readonly kubernetes?: KubernetesStatus;
  readonly state: 'reading' | 'live' | 'stale' | 'empty';
  /** Grows by one with each good read that changed something; 0 before the first. */
  readonly generation: number;
  /** Of the last read, good or bad. */
  readonly problems: readonly Problem[];
}

export interface KubernetesStatus {
  /** Undefined until the credentials could be read. */
  readonly server: string | undefined;
  /** Where they are. */
  readonly credentials: string;
  /** By kind: `listing`, `watching`, `absent` (not installed) or `failing`. */
  readonly kinds: Readonly<Record<string, string>>;
  /** New credentials that are tried beside those in force. */
  readonly renewal?: KubernetesStatus;
}

export interface Source {
  /** Undefined before the first good read. */
  readonly generation: Generation | undefined;
  /** Resolves after the first read, good or bad. */
  readonly firstRead: Promise<void>;
  status(): SourceStatus;
}

export function createDirectorySource(scope: Scope, init: SourceInit): Source {
  const { directory, clock, log } = init;
  const live = createLiveGeneration(init);
  const reader = createDirectoryReader(directory, init);
  const debounce = createDebounce({ quietMs: init.quietMs, maxMs: init.maxMs, clock, run: () => void refresh() });
  const watcher = createDirectoryWatcher(() => debounce.touch());
  let cancelRescan = () => {};
  let reading: Promise<void> | undefined;
  let readAgain = false;
  scope.own(async () => {
    debounce.cancel();
    cancelRescan();
    watcher.close();
    await reading;
  });

  /** One read at a time; what changes meanwhile is read afterwards. */
  function refresh(): Promise<void> {
    if (reading) readAgain = true;
    else {
      reading = readUntilQuiet().finally(() => {
        reading = undefined;
      });
    }
    return reading ?? Promise.resolve();
  }

  async function readUntilQuiet(): Promise<void> {
    do {
      readAgain = false;
      cancelRescan();
      // Nothing of what a file can hold may end the process; the next change or rescan tries again.
      await readOnce().catch((error: unknown) => log.error({ err: error, directory }, 'source could not be read'));
    } while (readAgain && !scope.signal.aborted);
    if (!scope.signal.aborted) cancelRescan = clock.schedule(init.rescanMs, () => void refresh());
  }

  async function readOnce(): Promise<void> {
    const { directories, isUnchanged, assembled } = await reader.read();
    if (scope.signal.aborted) return;
    const { added, failures } = watcher.set(directories);
    // What changed there before it was watched was not heard of.
    if (added > 0) readAgain = true;
    for (const [path, reason] of failures) log.debug({ path, reason }, 'directory cannot be watched, only rescanned');
    if (!isUnchanged) live.offer(assembled);
  }

  return {
    get generation() {
      return live.generation;
    },
    firstRead: refresh(),
    status: live.status,
  };
}

interface LiveGeneration {
  readonly generation: Generation | undefined;
  /** Takes a good generation; of a bad one, the problems. */
  offer(assembled: Assembled): void;
  status(): SourceStatus;
}

function createLiveGeneration({ cluster, directory, log, onGeneration }: SourceInit): LiveGeneration {
  let generation: Generation | undefined;
  let status: SourceStatus = { cluster, directory, state: 'reading', generation: 0, problems: [] };

  function accept(next: Generation): void {
    generation = next;
    status = { ...status, state: 'live', generation: status.generation + 1, problems: next.problems };
    log.info({ cluster, directory, generation: status.generation, objects: countObjects(next.objects) }, 'source read');
    onGeneration();
  }

  return {
    get generation() {
      return generation;
    },
    offer(assembled) {
      const problems = assembled.ok ? assembled.generation.problems : assembled.problems;
      tellNews(log, cluster, problems, status.problems);
      if (assembled.ok) return accept(assembled.generation);
      status = { ...status, state: generation ? 'stale' : 'empty', problems };
      log.error({ ...status, problems: problems.length }, 'source has errors; the last good generation stays live');
    },
    status: () => status,
  };
}

/** Each problem is told once, however often it is found. */
function tellNews(log: Logger, cluster: string, found: readonly Problem[], known: readonly Problem[]): void {
  const told = new Set(known.map(formatProblem));
  for (const problem of found) {
    const text = formatProblem(problem);
    if (!told.has(text)) log[problem.severity === 'error' ? 'error' : 'warn']({ cluster }, text);
  }
}
