/**
 * Log levels as ztunnel's admin page takes and shows them: one for everything, and others for single scopes. Pure.
 * Bound: `MAX_SCOPES` scopes.
 */
import { LOG_LEVELS, type LogLevel } from '@isthmus/sdk/runtime';

export interface LogLevels {
  /** Of every scope that has none of its own. */
  readonly level: LogLevel;
  readonly scopes: Readonly<Record<string, LogLevel>>;
}

/** Far more than the program has. */
const MAX_SCOPES = 64;

/** `debug`, `xds:debug` or `info,xds:trace,access:error`, on top of what is in effect; undefined when it is none of these. */
export function withLevels(levels: LogLevels, text: string): LogLevels | undefined {
  let next: LogLevels | undefined = levels;
  for (const piece of text.split(',')) next = next && withLevel(next, piece);
  return next && Object.keys(next.scopes).length <= MAX_SCOPES ? next : undefined;
}

function withLevel({ level, scopes }: LogLevels, piece: string): LogLevels | undefined {
  const [, scope, word] = /^(?:([\w.-]{1,64})[:=])?(\w+)$/.exec(piece.trim()) ?? [];
  const known = LOG_LEVELS.find((each) => each === word);
  if (!known) return undefined;
  return scope === undefined ? { level: known, scopes } : { level, scopes: { ...scopes, [scope]: known } };
}

/** As ztunnel writes its filter: `info,xds=debug`. */
export function formatLevels({ level, scopes }: LogLevels): string {
  return [level, ...Object.entries(scopes).map(([scope, each]) => `${scope}=${each}`)].join(',');
}
