/** What is logged, to be looked at and waited for. */
import { Writable } from 'node:stream';
import { createLogger } from '@isthmus/sdk/runtime';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [key: string]: unknown;
}

export function captureLogs() {
  const logs: LogLine[] = [];
  const waiting = new Set<() => void>();
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logs.push(JSON.parse(chunk.toString()) as LogLine);
      for (const check of waiting) check();
      done();
    },
  });
  const logged = (matches: (line: LogLine) => boolean) =>
    new Promise<LogLine>((resolve) => {
      const check = () => {
        const found = logs.find(matches);
        if (!found) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  return { logs, logged, log: createLogger({ level: 'debug', destination }) };
}
