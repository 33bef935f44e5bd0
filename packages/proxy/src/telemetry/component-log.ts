/**
 * The logger of the program's components: pino, whose lines go through the same writer and layout as the access log,
 * and whose level can be changed while running, children included.
 */
import { createLogger, type Logger, type LogLevel } from '@isthmus/sdk/runtime';
import { formatEntry, type LineWriter, type LogField, type LogFormat } from './log-lines.js';

export interface ComponentLog {
  readonly log: Logger;
  setLevel(level: LogLevel): void;
}

export function createComponentLog(level: LogLevel, format: LogFormat, lines: LineWriter): ComponentLog {
  const destination = format === 'json' ? lines : { write: (line: string) => lines.write(plainOf(line)) };
  const log = createLogger({ level, destination });
  // A child of pino copies the level when it is made. Components make theirs at start, so the list stays short; what
  // has been collected since is dropped whenever the list doubles.
  let children: WeakRef<Logger>[] = [];
  let pruneAt = 64;
  log.onChild = (child) => {
    children.push(new WeakRef(child));
    if (children.length < pruneAt) return;
    children = children.filter((reference) => reference.deref() !== undefined);
    pruneAt = Math.max(64, children.length * 2);
  };
  return {
    log,
    setLevel(next) {
      log.level = next;
      for (const reference of children) {
        const child = reference.deref();
        if (child) child.level = next;
      }
    },
  };
}

/** pino's own line, re-set in the plain layout. */
function plainOf(line: string): string {
  const { level, time, scope, message, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(([name, value]): LogField => [name, fieldValue(value)]);
  return formatEntry('plain', {
    time: Date.parse(String(time)),
    level: String(level),
    scope: String(scope ?? 'isthmus'),
    message: String(message ?? ''),
    fields,
  });
}

function fieldValue(value: unknown): string | number {
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'object' && value !== null && 'message' in value) return String(value.message);
  return JSON.stringify(value);
}
