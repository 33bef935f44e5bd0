/** Series of traffic: which samples of a scrape tell who called whom, and what a label that tells nothing looks like. */
import type { Sample } from './prometheus-text.js';
import type { ClusterId } from './topology.js';

export const REQUESTS = 'istio_requests_total';
export const OPENED = 'istio_tcp_connections_opened_total';
export const FAILED = 'istio_tcp_connections_failed_total';

export interface Series extends Sample {
  /** The proxy that was scraped, `east/ztunnel`. */
  readonly proxy: string;
}

/** What names one end; each stands behind `source_` and `destination_`. */
export const END_LABELS = [
  'workload',
  'workload_namespace',
  'canonical_service',
  'canonical_revision',
  'app',
  'version',
  'cluster',
  'principal',
] as const;
export const ENDS = ['source', 'destination'] as const;
export type End = (typeof ENDS)[number];
export type EndLabel = `${End}_${(typeof END_LABELS)[number]}`;
export const BOTH_ENDS: readonly EndLabel[] = ENDS.flatMap((end) =>
  END_LABELS.map((label): EndLabel => `${end}_${label}`),
);

/**
 * The standard metrics that speak of two ends. Histograms repeat the labels of their count in every bucket; the buckets
 * tell nothing more about who.
 */
export function trafficSeries(proxy: string, samples: readonly Sample[]): readonly Series[] {
  return samples
    .filter(
      ({ metric, labels }) => metric.startsWith('istio_') && 'source_workload' in labels && !metric.endsWith('_bucket'),
    )
    .map((sample) => ({ ...sample, proxy }));
}

export function clusterOfProxy({ proxy }: Series): ClusterId {
  return proxy.startsWith('east/') ? 'east' : 'west';
}

export function isUnknown(value: string | undefined): boolean {
  return value === undefined || value === '' || value === 'unknown';
}
