/** One run over a lab that has started: traffic, scrape until every path shows or the time for it is over, judgement. */
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

/** A proxy counts when a connection opens or a request ends, so what is not there by then will not come. */
const SETTLE_MS = 3_000;
const POLL_MS = 100;

export async function runOnce(lab: Lab, pages: number, progress: Progress, signal: AbortSignal): Promise<RunResult> {
  const { sent, failures } = await abortable(sendTraffic(lab.world, pages, lab.callers), signal);
  progress.step(`traffic: ${sent} calls, ${failures.length} failed`);
  const deadline = performance.now() + SETTLE_MS;
  let series = await lab.scrape();
  let verdict = judge(lab.world, series);
  while (verdict.missing.length > 0 && performance.now() < deadline) {
    await abortable(new Promise((resolve) => setTimeout(resolve, POLL_MS)), signal);
    series = await lab.scrape();
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
