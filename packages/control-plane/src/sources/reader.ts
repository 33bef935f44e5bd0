/** Reads a directory again and again, parsing only what changed: parsing is far dearer than reading. */
import type { Problem } from '../schema/index.js';
import { readDirectory } from './directory.js';
import { type Assembled, type AssembleInit, assembleGeneration, type Generation } from './generation.js';
import { type ParsedFile, parseFile } from './parse.js';

export interface DirectoryReader {
  read(): Promise<DirectoryReading>;
}

export interface DirectoryReading {
  /** What was visited; to be watched. */
  readonly directories: readonly string[];
  /** Whether the same files with the same contents were read before. */
  readonly isUnchanged: boolean;
  readonly assembled: Assembled;
}

interface KnownFile {
  readonly text: string;
  readonly parsed: ParsedFile;
}

export function createDirectoryReader(directory: string, init: Pick<AssembleInit, 'clusterDomain'>): DirectoryReader {
  let known: ReadonlyMap<string, KnownFile> | undefined;
  let unreadable: readonly Problem[] = [];
  let assembled: Assembled | undefined;
  let good: Generation | undefined;

  return {
    async read() {
      const { files, directories, problems } = await readDirectory(directory);
      const before = known;
      const isUnchanged = before !== undefined && isSame(before, files) && isSameProblems(problems, unreadable);
      if (assembled && isUnchanged) return { directories, isUnchanged, assembled };
      known = new Map([...files].map(([path, text]) => [path, parseUnlessKnown(before?.get(path), path, text)]));
      unreadable = problems;
      assembled = assemble([...known.values()], problems, { ...init, previous: good });
      if (assembled.ok) good = assembled.generation;
      return { directories, isUnchanged: false, assembled };
    },
  };
}

function parseUnlessKnown(known: KnownFile | undefined, path: string, text: string): KnownFile {
  return known?.text === text ? known : { text, parsed: parseFile(path, text) };
}

/** A file that cannot be read is like a bad one: what is in it may be anything. */
function assemble(files: readonly KnownFile[], unreadable: readonly Problem[], init: AssembleInit): Assembled {
  const parsed = files.map((file) => file.parsed);
  if (unreadable.length === 0) return assembleGeneration(parsed, init);
  return { ok: false, problems: [...unreadable, ...parsed.flatMap((file) => file.problems)] };
}

function isSame(known: ReadonlyMap<string, KnownFile>, files: ReadonlyMap<string, string>): boolean {
  return known.size === files.size && [...files].every(([path, text]) => known.get(path)?.text === text);
}

function isSameProblems(a: readonly Problem[], b: readonly Problem[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ file, message }, index) => file === b[index]?.file && message === b[index]?.message)
  );
}
