/** The access log of a proxy that runs with LOG_FORMAT=json: one object per line, field names are ztunnel's. */
import type { Lab } from '@isthmus/tools/lab';

export type LogLine = Readonly<Record<string, unknown>>;

/** Lines of that scope, oldest first. A last line that is still being written is left out. */
export function accessLog(lab: Lab, name: string): readonly LogLine[] {
  return logLines(lab, name).filter(({ scope }) => scope === 'access');
}

export function logLines(lab: Lab, name: string): readonly LogLine[] {
  return lab
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
