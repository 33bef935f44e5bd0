/**
 * Live memory of each process over time: what is left on its heap and beside it after all garbage was collected
 * (`memory-probe.cjs`), and whether it is flat. Flat: from its second minute on, the median slope between all pairs of
 * samples (Theil and Sen) is below the bound. The first minute is the machine's own: code is compiled, pools and tables
 * fill; that of a process which was killed and started again begins anew. Resident memory is told beside it; most of how it moves is the collector waiting.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Below what 100 bytes lost at every request of this load would come to. A healthy process still grows by 0.2 to 0.5 in
 * its first minutes: two heap snapshots 100 s apart differ by compiled code and what the compiler learned, and nothing else.
 */
export const MAX_SLOPE_MB_PER_MINUTE = 1;
const WARM_UP_MS = 60_000;
/** With less there is more noise than slope. */
const MIN_SAMPLES = 8;

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
  /** Undefined when it has not run for long enough. */
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

export function judgeMemory(process: string, samples: readonly Sample[]): MemoryReport {
  const ends = {
    firstLiveMb: round(samples[0]?.liveMb ?? 0),
    lastLiveMb: round(samples.at(-1)?.liveMb ?? 0),
    lastResidentMb: round(samples.at(-1)?.residentMb ?? 0),
  };
  const from = (samples[0]?.atMs ?? 0) + WARM_UP_MS;
  const judged = samples.filter(({ atMs }) => atMs >= from);
  if (judged.length < MIN_SAMPLES) return { process, ...ends, flat: true, samples };
  const slopeMbPerMinute = round(60_000 * medianSlope(judged));
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
