/** One run over a lab that has started: traffic, scrapes until every path shows or nothing comes any more, judgement. */
import { isDeepStrictEqual } from 'node:util';
import type { Progress } from './progress.js';
import type { Series } from './series.js';
import type { Lab } from './start.js';
import { sendTraffic } from './traffic.js';
import { judge, type Verdict } from './verdict.js';

export interface RunResult extends Verdict {
  readonly series: readonly Series[];
  /** Calls that did not succeed. */
  readonly failures: readonly string[];
}

/**
 * So many scrapes in a row that show the same, and what is not there will not come: a proxy counts when a connection opens or a
 * request ends, and each scrape is answered by every proxy, so all of them have gone on since the one before.
 */
const SAME_SCRAPES = 10;
/** For counts that never come to rest. */
const MOST_SCRAPES = 200;
const POLL_MS = 100;

export async function runOnce(lab: Lab, pages: number, progress: Progress, signal: AbortSignal): Promise<RunResult> {
  const { sent, failures } = await abortable(sendTraffic(lab.world, pages, lab.callers), signal);
  progress.step(`traffic: ${sent} calls, ${failures.length} failed`);
  let series = await lab.scrape();
  let verdict = judge(lab.world, series);
  for (let same = 0, all = 0; verdict.missing.length > 0 && same < SAME_SCRAPES && all < MOST_SCRAPES; all++) {
    await abortable(new Promise((resolve) => setTimeout(resolve, POLL_MS)), signal);
    const next = await lab.scrape();
    same = isDeepStrictEqual(next, series) ? same + 1 : 0;
    series = next;
    verdict = judge(lab.world, series);
  }
  progress.step(`metrics: ${series.length} series of ${new Set(series.map(({ proxy }) => proxy)).size} proxies`);
  return { ...verdict, ok: verdict.ok && failures.length === 0, series, failures };
}

function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
