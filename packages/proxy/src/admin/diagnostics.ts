/**
 * A look inside a running process: where its CPU time goes and what its memory holds, in the formats of V8 that Chrome's
 * developer tools open. Both cost: sampling a few percent, a heap snapshot stops the process while it is made (about a
 * second for 100 MB of heap) and needs as much memory again. A snapshot contains every string of the process, tokens
 * included.
 */
import { Session } from 'node:inspector/promises';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';

export interface ProfileOptions {
  /** 1 to 300. */
  readonly seconds: number;
  /** Samples a second, 1 to 1000. */
  readonly frequency: number;
}

/** Of one process. */
export interface Diagnostics {
  /** A `.cpuprofile`. Ends early when the signal aborts. */
  cpuProfile(options: ProfileOptions, signal: AbortSignal): Promise<string>;
  /** A `.heapsnapshot`. */
  heapSnapshot(): Readable;
}

export const ownDiagnostics: Diagnostics = {
  async cpuProfile({ seconds, frequency }, signal) {
    const session = new Session();
    session.connect();
    try {
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: Math.round(1_000_000 / frequency) });
      await session.post('Profiler.start');
      await sleep(seconds * 1_000, undefined, { signal }).catch(() => {});
      const { profile } = await session.post('Profiler.stop');
      return JSON.stringify(profile);
    } finally {
      session.disconnect();
    }
  },
  heapSnapshot: () => getHeapSnapshot(),
};
