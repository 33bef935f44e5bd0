/** The access log of a proxy that runs with LOG_FORMAT=json: one object per line, field names are ztunnel's. */

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
