/**
 * What is wrong with a file, where, and what to do about it. An error keeps the whole generation it is in from being
 * used; a warning says that something is ignored or weaker than it looks.
 */

export interface Position {
  readonly file: string;
  /** From 1. */
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

/** `file:line:col path: message`, one line. */
export function formatProblem({ severity, file, line, col, path, message }: Problem): string {
  const where = path === '' ? '' : ` ${path}`;
  return `${file}:${line}:${col}${where}: ${severity === 'warning' ? 'warning: ' : ''}${message}`;
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some(({ severity }) => severity === 'error');
}
