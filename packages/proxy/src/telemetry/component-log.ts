/**
 * The logger of the program's components: pino, whose lines go through the same writer and layout as the access log.
 * Levels can be changed while running, children included, for all scopes or for one (`xds`, `identity`, `access`, ...).
 */
import { createLogger, type Logger, type LogLevel } from '@isthmus/sdk/runtime';
import type { LogLevels } from './log-levels.js';
import { formatEntry, type LineWriter, type LogField, type LogFormat } from './log-lines.js';

export interface ComponentLog {
  readonly log: Logger;
  levels(): LogLevels;
  setLevels(levels: LogLevels): void;
}

export function createComponentLog(level: LogLevel, format: LogFormat, lines: LineWriter): ComponentLog {
  const destination = format === 'json' ? lines : { write: (line: string) => lines.write(plainOf(line)) };
  const log = createLogger({ level, destination });
  let levels: LogLevels = { level, scopes: {} };
  // A child of pino copies the level when it is made. Components make theirs at start, so the list stays short; what
  // has been collected since is dropped whenever the list doubles.
  let children: WeakRef<Logger>[] = [];
  let pruneAt = 64;
  log.onChild = (child) => {
    if (Object.keys(levels.scopes).length > 0) child.level = levelOf(child, levels);
    children.push(new WeakRef(child));
    if (children.length < pruneAt) return;
    children = children.filter((reference) => reference.deref() !== undefined);
    pruneAt = Math.max(64, children.length * 2);
  };
  return {
    log,
    levels: () => levels,
    setLevels(next) {
      levels = next;
      log.level = next.level;
      for (const reference of children) {
        const child = reference.deref();
        if (child) child.level = levelOf(child, next);
      }
    },
  };
}

function levelOf(child: Logger, { level, scopes }: LogLevels): LogLevel {
  const { scope } = child.bindings();
  return (typeof scope === 'string' ? scopes[scope] : undefined) ?? level;
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
