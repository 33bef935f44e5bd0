/**
 * What the runner asks of a suite: a module that exports `cases`. Suites belong to the packages they measure; the runner
 * loads them by file, so that neither imports the other, and checks here what it was given.
 */
export interface BenchCase {
  readonly id: string;
  readonly subject: string;
  readonly peer: string;
  /** Builds the corpus and both sides, compares their answers, throws when they differ. */
  open(): OpenBenchCase;
}

export interface OpenBenchCase {
  /** Things one call works through. */
  readonly operations: number;
  readonly subject: () => number;
  readonly peer: () => number;
}

/** Loads a suite. Throws with the file's name when it is none. */
export async function loadSuite(file: string | URL): Promise<readonly BenchCase[]> {
  const loaded: { cases?: unknown } = await import(String(file));
  if (!Array.isArray(loaded.cases) || !loaded.cases.every(isCase)) {
    throw new Error(`${file} is no suite: it has to export 'cases', each with id, subject, peer and open()`);
  }
  const ids = loaded.cases.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new Error(`${file} has two cases '${twice}'`);
  return loaded.cases;
}

function isCase(value: unknown): value is BenchCase {
  const { id, subject, peer, open } = (value ?? {}) as Record<string, unknown>;
  return [id, subject, peer].every((text) => typeof text === 'string') && typeof open === 'function';
}
