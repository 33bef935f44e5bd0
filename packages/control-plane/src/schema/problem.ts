/**
 * What is wrong with a file, where, and what to do about it. An error keeps the whole generation it is in from being
 * used; a warning says that something is ignored or weaker than it looks.
 */

export interface Position {
  /** Or what else names the place: an object of an API, as `cluster/namespace/kind/name`. */
  readonly file: string;
  /** From 1; 0 when the place is no file. */
  readonly line: number;
  /** From 1. */
  readonly col: number;
}

export type Severity = 'error' | 'warning';

export interface Problem extends Position {
  readonly severity: Severity;
  /** `spec.ports[0].port`; empty when the document as a whole is meant. */
  readonly path: string;
  readonly message: string;
}

/** Keys and indexes from the root of a document. */
export type Path = readonly (string | number)[];

/** Where readers put what they find. */
export type Report = (path: Path, message: string, severity?: Severity) => void;

/** `ports[0].name`, and `labels["a.b/c"]` for keys that are no plain words. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** `file:line:col`, or what else names the place. */
export function formatPosition({ file, line, col }: Position): string {
  return line === 0 ? file : `${file}:${line}:${col}`;
}

/** `file:line:col path: message`, one line. */
export function formatProblem(problem: Problem): string {
  const { severity, path, message } = problem;
  const where = path === '' ? '' : ` ${path}`;
  return `${formatPosition(problem)}${where}: ${severity === 'warning' ? 'warning: ' : ''}${message}`;
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some(({ severity }) => severity === 'error');
}
