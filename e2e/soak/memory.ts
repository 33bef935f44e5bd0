/**
 * Live memory of each process over time: what is left on its heap and beside it after all garbage was collected
 * (`memory-probe.cjs`), and whether it is flat. Flat: over the second half of the run the median slope between all pairs
 * of samples (Theil and Sen) is below the bound. The first half is the machine's own: code is compiled, pools and tables
 * fill. Resident memory is told beside it; most of how it moves is the collector waiting.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A kilobyte lost at every fortieth request of a path would be more. */
export const MAX_SLOPE_MB_PER_MINUTE = 0.5;
/** With less there is more noise than slope. */
const MIN_SAMPLES = 5;

export interface Sample {
  readonly atMs: number;
  /** After a collection. */
  readonly liveMb: number;
  readonly residentMb: number;
}

export interface MemoryReport {
  readonly process: string;
  readonly firstLiveMb: number;
  readonly lastLiveMb: number;
  readonly lastResidentMb: number;
  /** Undefined when the process has not run through the second half. */
  readonly slopeMbPerMinute?: number;
  readonly flat: boolean;
  readonly samples: readonly Sample[];
}

const MEGABYTE = 1_048_576;

/** What the probe of that process wrote last; undefined when it has written nothing yet. */
export function readProbe(directory: string, pid: number): Omit<Sample, 'atMs'> | undefined {
  try {
    const { rss, live } = JSON.parse(readFileSync(join(directory, `${pid}.json`), 'utf8')) as Record<string, number>;
    if (rss === undefined || live === undefined) return undefined;
    return { liveMb: live / MEGABYTE, residentMb: rss / MEGABYTE };
  } catch {
    return undefined;
  }
}

export function judgeMemory(process: string, samples: readonly Sample[], lengthMs: number): MemoryReport {
  const ends = {
    firstLiveMb: round(samples[0]?.liveMb ?? 0),
    lastLiveMb: round(samples.at(-1)?.liveMb ?? 0),
    lastResidentMb: round(samples.at(-1)?.residentMb ?? 0),
  };
  const second = samples.filter(({ atMs }) => atMs >= lengthMs / 2);
  if (second.length < MIN_SAMPLES) return { process, ...ends, flat: true, samples };
  const slopeMbPerMinute = round(60_000 * medianSlope(second));
  return { process, ...ends, slopeMbPerMinute, flat: slopeMbPerMinute <= MAX_SLOPE_MB_PER_MINUTE, samples };
}

/** MB per ms. */
function medianSlope(samples: readonly Sample[]): number {
  const slopes = samples.flatMap((from, index) =>
    samples.slice(index + 1).map((to) => (to.liveMb - from.liveMb) / (to.atMs - from.atMs)),
  );
  slopes.sort((a, b) => a - b);
  return slopes[Math.floor(slopes.length / 2)] ?? 0;
}

function round(value: number): number {
  return Math.round(100 * value) / 100;
}
