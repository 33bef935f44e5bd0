/** Metrics of the proxies of a lab, waited for: a proxy counts after its answer has left it. */
import type { Lab, Series } from '@isthmus/tools/lab';
import { until } from './wait.js';

export interface WantedSeries {
  /** `east/ztunnel` */
  readonly proxy: string;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The first series with these labels, and whatever others it has. */
export function seriesWith(lab: Pick<Lab, 'scrape'>, wanted: WantedSeries): Promise<Series> {
  return until(`a series ${JSON.stringify(wanted)}`, async () =>
    (await lab.scrape()).find(
      ({ proxy, metric, labels }) =>
        proxy === wanted.proxy &&
        metric === wanted.metric &&
        Object.entries(wanted.labels).every(([name, value]) => labels[name] === value),
    ),
  );
}
