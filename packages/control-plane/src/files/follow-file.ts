/**
 * One file as a live thing: read at start, which has to succeed, and again when something changes in its directory (a
 * mounted Secret is replaced there as a whole), and from time to time. What cannot be used leaves what was before in force.
 */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger, Scope } from '@isthmus/sdk/runtime';
import { type FollowPace, followDirectories } from './follow.js';

export interface FollowFileInit<T> extends FollowPace {
  readonly path: string;
  /** In log lines: `token key`. */
  readonly what: string;
  /** What to do when it cannot be read at start. */
  readonly remedy?: string;
  /** Throws what is wrong with the text, in words for people. */
  readonly read: (text: string) => T | Promise<T>;
  readonly log: Logger;
}

export interface FollowedFile<T> {
  readonly current: T;
  /** Why the file as it is now is not in force; undefined when it is. */
  readonly problem: string | undefined;
  /** Calls back after other content came into force. */
  onReplaced(listener: () => void): void;
}

/** Rejects when the file cannot be used; the error names it. */
export async function followFile<T>(scope: Scope, init: FollowFileInit<T>): Promise<FollowedFile<T>> {
  const { path, what, read, log } = init;
  const listeners = new Set<() => void>();
  let problem: string | undefined;
  let { text, value } = await load().catch((error: Error) => {
    throw init.remedy === undefined ? error : new Error(`${error.message}; ${init.remedy}`, { cause: error });
  });

  async function load(): Promise<{ readonly text: string; readonly value: T }> {
    try {
      const found = await readFile(path, 'utf8');
      return { text: found, value: await read(found) };
    } catch (error) {
      throw new Error(`the ${what} ${path} cannot be used: ${(error as Error).message}`, { cause: error });
    }
  }

  async function reload(): Promise<void> {
    try {
      const next = await load();
      problem = undefined;
      if (next.text === text) return;
      ({ text, value } = next);
      log.info({ file: path }, `${what} replaced`);
      for (const listener of listeners) listener();
    } catch (error) {
      const { message } = error as Error;
      if (message !== problem) log.error({ file: path, reason: message }, `${what} stays as it was before`);
      problem = message;
    }
  }

  await followDirectories(scope, { ...init, directories: [dirname(path)], look: reload });
  return {
    get current() {
      return value;
    },
    get problem() {
      return problem;
    },
    onReplaced: (listener) => void listeners.add(listener),
  };
}
