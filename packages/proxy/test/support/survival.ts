/** For tests whose assertion is that the process survives: a throw from an event, or a promise that nobody waits for, would end it. */
import { afterEach, beforeEach } from 'vitest';

/** What would have ended the process since the test began; to be called at the top of a file. */
export function watchUncaught(): readonly unknown[] {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => void uncaught.push(error);
  beforeEach(() => {
    uncaught.length = 0;
    process.on('uncaughtException', note).on('unhandledRejection', note);
  });
  afterEach(() => {
    process.off('uncaughtException', note).off('unhandledRejection', note);
  });
  return uncaught;
}

/** That many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < Math.floor(count); turn++) await new Promise((resolve) => setImmediate(resolve));
}
