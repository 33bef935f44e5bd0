/** The built program as users run it: a real process with an environment of its own. `npm run build` makes it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Scope } from '@isthmus/sdk/runtime';

export const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;

export interface Program {
  readonly child: ChildProcess;
  /** What it has written so far. */
  readonly text: { readonly stdout: string; readonly stderr: string };
  readonly exited: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
  /** Resolves once that text is on its standard output; rejects when it exits before. */
  written(wanted: string): Promise<void>;
}

export function startProgram(scope: Scope, args: readonly string[], env: Record<string, string> = {}): Program {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is not built; run npm run build first`);
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH ?? '', ...env } });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    text.stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    text.stderr += String(chunk);
  });
  const exited = once(child, 'close').then(([code]) => ({ code: code as number | null, ...text }));
  // Until it is gone, and its workers who share its output, its addresses are taken.
  scope.own(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    child,
    text,
    exited,
    async written(wanted) {
      let ended: Awaited<typeof exited> | undefined;
      void exited.then((how) => {
        ended = how;
      });
      while (!text.stdout.includes(wanted)) {
        if (ended) throw new Error(`exited with ${ended.code}: ${ended.stderr}`);
        await Promise.race([once(child.stdout, 'data'), exited]);
      }
    },
  };
}
