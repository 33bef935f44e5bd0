/** Scrapes the metrics of proxies: each answers within a bounded time or is named in the error. */
import { parsePrometheusText } from './prometheus-text.js';
import type { Reach } from './readiness.js';
import { type Series, trafficSeries } from './series.js';

const TIMEOUT_MS = 5_000;

export interface Target {
  /** `east/ztunnel` */
  readonly proxy: string;
  readonly ip: string;
  readonly reach: Reach;
}

export async function scrapeAll(targets: readonly Target[]): Promise<readonly Series[]> {
  return (await Promise.all(targets.map(scrape))).flat();
}

export async function scrape({ proxy, ip, reach }: Target): Promise<readonly Series[]> {
  const address = { host: ip, port: 15020 };
  try {
    const { host, port } = await reach(address);
    const url = `http://${host}:${port}/metrics`;
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return trafficSeries(proxy, parsePrometheusText(await response.text()));
  } catch (error) {
    throw new Error(`metrics of ${proxy} at ${address.host}:${address.port}: ${(error as Error).message}`);
  }
}
