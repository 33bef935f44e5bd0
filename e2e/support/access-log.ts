/** The access log of a proxy that runs with LOG_FORMAT=json: one object per line, field names are ztunnel's. */
import { until } from './wait.js';

/** A lab, or whatever else keeps logs by process. */
export interface Logs {
  log(name: string): string;
}

export type LogLine = Readonly<Record<string, unknown>>;

/** Lines of that scope, oldest first. A last line that is still being written is left out. */
export function accessLog(logs: Logs, name: string): readonly LogLine[] {
  return logLines(logs, name).filter(({ scope }) => scope === 'access');
}

export function logLines(logs: Logs, name: string): readonly LogLine[] {
  return logs
    .log(name)
    .split('\n')
    .flatMap((line): LogLine[] => {
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        return [];
      }
    });
}

/**
 * The first line with these fields. It is waited for: what a proxy does is seen on the wire before its line has come through the
 * pipes between it and the test.
 */
export function lineWith(lines: () => readonly LogLine[], wanted: LogLine): Promise<LogLine> {
  return until(`a line with ${JSON.stringify(wanted)}`, () =>
    lines().find((line) => Object.entries(wanted).every(([name, value]) => line[name] === value)),
  );
}
