/**
 * The judgement over all series of a lab, pure. A lab is well when every expected path was seen, no series of traffic has
 * an unknown end, and what series say of an end is what runs there.
 */
import { EXPECTED, type ExpectedSeries } from './expected.js';
import { BOTH_ENDS, clusterOfProxy, ENDS, type End, type EndLabel, isUnknown, type Series } from './series.js';
import { clustersOf, type Pod, spiffeOf, type World } from './topology.js';

export interface UnknownLabel {
  readonly proxy: string;
  readonly metric: string;
  readonly label: EndLabel;
  /** The whole label set, to find the series. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface Verdict {
  readonly ok: boolean;
  readonly unknown: readonly UnknownLabel[];
  /** Expected and not seen. */
  readonly missing: readonly ExpectedSeries[];
  /** Sentences about labels that are known and wrong. */
  readonly wrong: readonly string[];
}

export function judge(world: World, series: readonly Series[]): Verdict {
  const unknown = series.flatMap(unknownLabels);
  const missing = EXPECTED.filter((expected) => !series.some((seen) => matches(expected, seen)));
  const wrong = [...new Set(series.flatMap((seen) => wrongLabels(world, seen)))];
  return { ok: unknown.length + missing.length + wrong.length === 0, unknown, missing, wrong };
}

function unknownLabels({ proxy, metric, labels }: Series): readonly UnknownLabel[] {
  return BOTH_ENDS.filter((label) => isUnknown(labels[label])).map((label) => ({ proxy, metric, label, labels }));
}

export function matches(expected: ExpectedSeries, { proxy, metric, labels, value }: Series): boolean {
  if (proxy !== expected.proxy || metric !== expected.metric || !(value > 0)) return false;
  return Object.entries(expected.labels).every(([label, wanted]) => labels[label] === wanted);
}

/** The end that a ztunnel reports for itself, which must be of its own cluster. */
const OWN_END: Readonly<Record<string, End>> = { source: 'source', destination: 'destination' };

function wrongLabels(world: World, series: Series): readonly string[] {
  return ENDS.flatMap((end) => wrongEnd(world, series, end)).map((what) => `${series.proxy} ${series.metric}: ${what}`);
}

function wrongEnd(world: World, series: Series, end: End): readonly string[] {
  const { labels } = series;
  const workload = labels[`${end}_workload`];
  const cluster = labels[`${end}_cluster`];
  if (isUnknown(workload) || isUnknown(cluster)) return [];
  const where = clustersOf(world).find(({ id }) => id === cluster);
  const pod = where && [...where.apps, ...where.gateways].find((candidate) => candidate.workload === workload);
  if (!pod) return [`${end}_workload ${workload} does not run in ${end}_cluster ${cluster}`];
  if (end === OWN_END[labels.reporter ?? ''] && cluster !== clusterOfProxy(series)) {
    return [`reports for ${workload} of ${cluster}, which is not its own cluster`];
  }
  return Object.entries(labelsOf(pod)).flatMap(([name, right]) => {
    const label = `${end}_${name}`;
    const found = labels[label];
    return isUnknown(found) || found === right
      ? []
      : [`${label} of ${workload} in ${cluster} is ${found}, not ${right}`];
  });
}

/** What every reporter has to say of a pod. */
function labelsOf(pod: Pod): Readonly<Record<string, string>> {
  return {
    workload_namespace: pod.namespace,
    canonical_service: pod.app,
    canonical_revision: pod.version,
    app: pod.app,
    version: pod.version,
    principal: spiffeOf(pod),
  };
}
