/**
 * Which clusters' records stand behind one service, as seen from one cluster. Export belongs to the cluster that owns
 * the record, import to the one that looks: a local record that is not global is never mixed with others, and a
 * remote one that is not global does not exist here. The name of a single pod means one pod: the own cluster's, else that of
 * the nearest; pods of two clusters that bear one name are two, and nothing is balanced between them.
 */
import {
  type ClusterModel,
  isNamedPod,
  type NamespaceModel,
  type ServiceRecord,
  serviceOfNamedPod,
} from '../model/index.js';

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
    if ([...(own ? [own] : []), ...exported].some(({ record }) => isNamedPod(record))) {
      return nearest(own, exported, network);
    }
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
    const near = others.filter(({ cluster }) => cluster.network === standpoint.network);
    // Who asks from elsewhere means the first cluster that has the pod, whichever cluster's gateway it comes to.
    return own && isNamedPod(own.record) ? firstOf([own, ...near]) : reach(own, near);
  };
}

/** Others in the order of cluster ids. */
function nearest(own: Part | undefined, others: readonly Part[], network: string): readonly Part[] {
  const near = others.find(({ cluster }) => cluster.network === network);
  const found = own ?? near ?? others[0];
  return found ? [found] : [];
}

function firstOf(parts: readonly Part[]): readonly Part[] {
  const exported = parts.filter(({ record }) => record.scope === 'global');
  return exported.sort((a, b) => (a.cluster.id < b.cluster.id ? -1 : 1)).slice(0, 1);
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
  const home = parts.find(({ cluster }) => cluster.id === viewerCluster)?.namespace;
  const keys = new Set(parts.flatMap(({ namespace }) => [...namespace.services.keys()]));
  const merged = new Map<string, MergedService>();
  for (const key of [...keys].sort()) {
    const all = parts.flatMap(({ cluster, namespace }) => {
      const record = namespace.services.get(key);
      return record ? [{ cluster, record }] : [];
    });
    const own = all.find(({ cluster }) => cluster.id === viewerCluster);
    if (!own && isKeptName(all, home)) continue;
    const counted = rule(
      own,
      all.filter((part) => part !== own),
    );
    const [base] = counted;
    if (base) merged.set(key, { key, base: base.record, parts: counted });
  }
  return merged;
}

/** Who keeps a Service to itself keeps the names of its pods, too. */
function isKeptName(parts: readonly Part[], home: NamespaceModel | undefined): boolean {
  const [first] = parts;
  const service = first && serviceOfNamedPod(first.record);
  return service !== undefined && home?.services.get(service)?.scope === 'local';
}
