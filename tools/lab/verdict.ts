/**
 * The judgement over all series of a lab, pure. A lab is well when every expected path was seen, no series of traffic has
 * an unknown end, and no series puts a workload into a cluster where it does not run.
 */
import { EXPECTED, type ExpectedSeries } from './expected.js';
import { BOTH_ENDS, clusterOfProxy, ENDS, type EndLabel, isUnknown, type Series } from './series.js';
import { clustersOf, type World } from './topology.js';

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
const OWN_END: Readonly<Record<string, (typeof ENDS)[number]>> = { source: 'source', destination: 'destination' };

function wrongLabels(world: World, series: Series): readonly string[] {
  const { proxy, metric, labels } = series;
  const own = OWN_END[labels.reporter ?? ''];
  return ENDS.flatMap((end) => {
    const workload = labels[`${end}_workload`];
    const cluster = labels[`${end}_cluster`];
    if (workload === undefined || cluster === undefined || isUnknown(workload) || isUnknown(cluster)) return [];
    const where = clustersOf(world).find(({ id }) => id === cluster);
    const runs = where && [...where.apps, ...where.gateways].some((pod) => pod.workload === workload);
    if (!runs) return [`${proxy} ${metric}: ${end}_workload ${workload} does not run in ${end}_cluster ${cluster}`];
    if (end === own && cluster !== clusterOfProxy(series)) {
      return [`${proxy} ${metric}: reports for ${workload} of ${cluster}, which is not its own cluster`];
    }
    return [];
  });
}
