/**
 * Which clusters' records stand behind one service, as seen from one cluster. Export belongs to the cluster that owns
 * the record, import to the one that looks: a local record that is not global is never mixed with others, and a
 * remote one that is not global does not exist here.
 */
import type { ClusterModel, NamespaceModel, ServiceRecord } from '../model/index.js';

export interface Part {
  readonly cluster: ClusterModel;
  readonly record: ServiceRecord;
}

export interface MergedService {
  readonly key: string;
  /** Gives ports, balancing and waypoint: the viewer's own record where there is one. */
  readonly base: ServiceRecord;
  /** All records whose members are endpoints, the base's first, the rest in the order of cluster ids. */
  readonly parts: readonly Part[];
}

/** From the own record and the others of one key to those that count; empty when the service must not be known. */
export type MergeRule = (own: Part | undefined, others: readonly Part[]) => readonly Part[];

/** Where the one who looks is. */
export interface Standpoint {
  readonly network: string;
  /** Keys of waypoints of which no other cluster of that network takes part. */
  readonly confined: ReadonlySet<string>;
}

/** What proxies next to workloads may reach. */
export function reachable({ network, confined }: Standpoint): MergeRule {
  return (own, others) => {
    if (own?.record.scope === 'local') return [own];
    const exported = others.filter(({ record }) => record.scope === 'global');
    if (!own) return exported;
    const isConfined = confined.has(own.record.key);
    return [own, ...exported.filter(({ cluster }) => !isConfined || cluster.network !== network)];
  };
}

/** What the gateway of a network lets in: only what is exported, and only what stands in this network. */
export function exportedFrom(standpoint: Standpoint): MergeRule {
  const reach = reachable(standpoint);
  return (own, others) => {
    if (own?.record.scope === 'local') return [];
    return reach(
      own,
      others.filter(({ cluster }) => cluster.network === standpoint.network),
    );
  };
}

/** One namespace in one cluster. */
export interface NamespacePart {
  readonly cluster: ClusterModel;
  readonly namespace: NamespaceModel;
}

/** The services of one namespace; `parts` in the order of cluster ids. */
export function mergeServices(
  parts: readonly NamespacePart[],
  viewerCluster: string,
  rule: MergeRule,
): ReadonlyMap<string, MergedService> {
  const keys = new Set(parts.flatMap(({ namespace }) => [...namespace.services.keys()]));
  const merged = new Map<string, MergedService>();
  for (const key of [...keys].sort()) {
    const all = parts.flatMap(({ cluster, namespace }) => {
      const record = namespace.services.get(key);
      return record ? [{ cluster, record }] : [];
    });
    const own = all.find(({ cluster }) => cluster.id === viewerCluster);
    const counted = rule(
      own,
      all.filter((part) => part !== own),
    );
    const [base] = counted;
    if (base) merged.set(key, { key, base: base.record, parts: counted });
  }
  return merged;
}
