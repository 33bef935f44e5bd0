/**
 * A directory as a live source of one cluster: read, watched, read again. Each good read replaces the previous generation as a
 * whole; a bad one (unreadable, truncated, contradictory) leaves the last good generation live and is told once.
 *
 *   reading ── good ──> live <── good ─┐
 *      └────── bad ───> empty          │      live ── bad ──> stale (last good generation, with problems) ── good ──> live
 */
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { createDebounce, createDirectoryWatcher } from '../files/index.js';
import { formatProblem, hasErrors, type Problem } from '../schema/index.js';
import { readDirectory } from './directory.js';
import { assembleGeneration, type Generation } from './generation.js';
import type { ObjectsByKind } from './kinds/index.js';
import { type ParsedFile, parseFile } from './parse.js';

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
  readonly directory: string;
  readonly state: 'reading' | 'live' | 'stale' | 'empty';
  /** Grows by one with each good read that changed something; 0 before the first. */
  readonly generation: number;
  /** Of the last read, good or bad. */
  readonly problems: readonly Problem[];
}

export interface Source {
  /** Undefined before the first good read. */
  readonly generation: Generation | undefined;
  /** Resolves after the first read, good or bad. */
  readonly firstRead: Promise<void>;
  status(): SourceStatus;
}

export function createDirectorySource(scope: Scope, init: SourceInit): Source {
  const { cluster, directory, clock, log } = init;
  let state: SourceStatus['state'] = 'reading';
  let generation: Generation | undefined;
  let sequence = 0;
  let problems: readonly Problem[] = [];
  let parsed: ReadonlyMap<string, CachedFile> = new Map();
  let reading: Promise<void> | undefined;
  let readAgain = false;

  const debounce = createDebounce({ quietMs: init.quietMs, maxMs: init.maxMs, clock, run: () => void refresh() });
  const watcher = createDirectoryWatcher(() => debounce.touch());
  let cancelRescan = () => {};
  scope.own(async () => {
    debounce.cancel();
    cancelRescan();
    watcher.close();
    await reading;
  });

  /** One read at a time; what changes meanwhile is read afterwards. */
  function refresh(): Promise<void> {
    if (reading) readAgain = true;
    else reading = readUntilQuiet().finally(() => (reading = undefined));
    return reading ?? Promise.resolve();
  }

  async function readUntilQuiet(): Promise<void> {
    do {
      readAgain = false;
      cancelRescan();
      await readOnce();
    } while (readAgain && !scope.signal.aborted);
    if (!scope.signal.aborted) cancelRescan = clock.schedule(init.rescanMs, () => void refresh());
  }

  async function readOnce(): Promise<void> {
    const contents = await readDirectory(directory);
    if (scope.signal.aborted) return;
    const { added, failures } = watcher.set(contents.directories);
    if (added > 0) readAgain = true;
    for (const [path, reason] of failures)
      log.debug({ path, reason }, 'directory cannot be watched; it is read every rescan interval');
    const unchanged = isUnchanged(parsed, contents.files) && contents.problems.length === 0 && state !== 'reading';
    if (unchanged && !hasErrors(problems)) return;
    const next = parseAll(contents.files, parsed);
    parsed = next;
    const assembled =
      contents.problems.length > 0
        ? undefined
        : assembleGeneration(
            [...next.values()].map((file) => file.parsed),
            init,
          );
    if (assembled?.ok) accept(assembled.generation);
    else
      refuse([
        ...contents.problems,
        ...(assembled?.problems ?? [...next.values()].flatMap((file) => file.parsed.problems)),
      ]);
  }

  function accept(next: Generation): void {
    tell(next.problems);
    generation = next;
    sequence += 1;
    state = 'live';
    log.info({ cluster, directory, generation: sequence, objects: countObjects(next.objects) }, 'source read');
    init.onGeneration();
  }

  function refuse(found: readonly Problem[]): void {
    state = generation ? 'stale' : 'empty';
    tell(found);
  }

  /** Each set of problems is told once, however often it is found. */
  function tell(found: readonly Problem[]): void {
    const text = (list: readonly Problem[]) => list.map(formatProblem).join('\n');
    const isNews = text(found) !== text(problems);
    problems = found;
    if (!isNews) return;
    for (const problem of found)
      log[problem.severity === 'error' ? 'error' : 'warn']({ cluster }, formatProblem(problem));
    if (hasErrors(found))
      log.error(
        { cluster, directory, state, generation: sequence },
        'source has errors; the last good generation stays live',
      );
  }

  return {
    get generation() {
      return generation;
    },
    firstRead: refresh(),
    status: () => ({ cluster, directory, state, generation: sequence, problems }),
  };
}

interface CachedFile {
  readonly text: string;
  readonly parsed: ParsedFile;
}

/** Only what changed is parsed again: parsing is far dearer than reading. */
function parseAll(
  files: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, CachedFile>,
): ReadonlyMap<string, CachedFile> {
  const next = new Map<string, CachedFile>();
  for (const [path, text] of files) {
    const before = known.get(path);
    next.set(path, before?.text === text ? before : { text, parsed: parseFile(path, text) });
  }
  return next;
}

function isUnchanged(known: ReadonlyMap<string, CachedFile>, files: ReadonlyMap<string, string>): boolean {
  return known.size === files.size && [...files].every(([path, text]) => known.get(path)?.text === text);
}

export function countObjects(objects: ObjectsByKind): number {
  return Object.values(objects).reduce((sum, list) => sum + list.length, 0);
}
