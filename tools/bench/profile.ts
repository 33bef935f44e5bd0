/** A CPU profile of one case's subject, and nothing of its peer or of the runner's set-up. */
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { resolve } from 'node:path';
import type { BenchCase } from './case.js';

const SECONDS = 2;
const INTERVAL_MICROSECONDS = 200;

let consumed = 0;

/** Runs the subject for two seconds; answers the file, which DevTools, VS Code and speedscope open. */
export async function profile(benchCase: BenchCase, directory: string): Promise<string> {
  const { subject } = benchCase.open();
  spin(subject, 0.3);
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_MICROSECONDS });
    await session.post('Profiler.start');
    spin(subject, SECONDS);
    const { profile: recorded } = await session.post('Profiler.stop');
    const file = resolve(directory, `${benchCase.id}.cpuprofile`);
    await writeFile(file, JSON.stringify(recorded));
    return file;
  } finally {
    session.disconnect();
  }
}

function spin(run: () => number, seconds: number): void {
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) consumed = (consumed + run()) % 0x1_0000_0000;
}
