/** How commands speak: results on standard output, problems on standard error, exit code 1 when something is wrong. */
import { formatProblem, type Problem } from '../schema/index.js';

export interface Streams {
  out(text: string): void;
  err(text: string): void;
}

export const processStreams: Streams = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
};

/** Ends a command with exit code 1; the message is all that is shown. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

export function printJson({ out }: Streams, value: unknown): void {
  out(JSON.stringify(value, undefined, 2));
}

export function problemLines(problems: readonly Problem[]): string {
  return problems.map(formatProblem).join('\n');
}
