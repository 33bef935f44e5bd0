/**
 * One HTTP or gRPC request of a waypoint, counted when it ends. The label text of 25 labels is made once per pair of
 * peers and outcome and found again by the identity of the two peer objects: callers that keep one object per peer pay
 * a few map look-ups a request. The cache dies with the peers; per pair it holds at most `MAX_OUTCOMES`.
 */
import type { Peer } from '@isthmus/sdk/peer';
import { FAULTS } from '@isthmus/sdk/wire';
import { HTTP_LABELS, labelText } from './label-sets.js';
import type { Family } from './registry.js';
import { REPORTERS } from './reporters.js';
import type { HistogramSeries, NumberSeries } from './series.js';
import type { RequestFacts } from './types.js';

/** Status codes times flags times services are few for honest peers; more than this and the pair's cache starts anew. */
const MAX_OUTCOMES = 256;

export interface RequestFamilies {
  readonly requests: Family<NumberSeries>;
  readonly duration: Family<HistogramSeries>;
  readonly requestBytes: Family<HistogramSeries>;
  readonly responseBytes: Family<HistogramSeries>;
}

export function createRequestRecorder(families: RequestFamilies): (facts: RequestFacts) => void {
  const bySource = new WeakMap<Peer, WeakMap<Peer, Map<string, string>>>();

  function textsFor(source: Peer, destination: Peer): Map<string, string> {
    const byDestination = bySource.get(source) ?? new WeakMap<Peer, Map<string, string>>();
    bySource.set(source, byDestination);
    const byOutcome = byDestination.get(destination) ?? new Map<string, string>();
    byDestination.set(destination, byOutcome);
    if (byOutcome.size >= MAX_OUTCOMES) byOutcome.clear();
    return byOutcome;
  }

  return (facts) => {
    const texts = textsFor(facts.source, facts.destination);
    const key = outcomeKey(facts);
    const labels = texts.get(key) ?? labelsOf(facts);
    texts.set(key, labels);
    families.requests.series(labels).add(1);
    families.duration.series(labels).observe(facts.durationMs);
    families.requestBytes.series(labels).observe(facts.requestBytes);
    families.responseBytes.series(labels).observe(facts.responseBytes);
  };
}

function outcomeKey({ protocol, responseCode, grpcStatus, fault, mutualTls, service }: RequestFacts): string {
  const flags = fault ? FAULTS[fault.code].httpFlag : '-';
  return `${protocol} ${responseCode} ${grpcStatus ?? ''} ${flags} ${mutualTls} ${service?.namespace}/${service?.hostname}`;
}

function labelsOf(facts: RequestFacts): string {
  const row = REPORTERS.waypoint;
  return labelText(HTTP_LABELS, {
    reporter: 'waypoint',
    source: facts.source,
    destination: facts.destination,
    service: facts.service,
    protocol: facts.protocol,
    responseCode: facts.responseCode,
    grpcStatus: facts.grpcStatus,
    flags: facts.fault ? FAULTS[facts.fault.code].httpFlag : '-',
    security: facts.mutualTls ? 'mutual_tls' : row.plaintext,
    ...(row.sourceRevision ? { sourceRevision: row.sourceRevision } : {}),
  });
}
