/**
 * What of its exports a cluster tells one peer: all of it, or what `federation.exports` select for that peer. It only ever
 * takes away: what the cluster keeps to itself is told to nobody. What goes with a service goes where it goes: the waypoint
 * in front of it, and the pods of it that have names. Pure; a service whose labels are not known is not told.
 */
import type { ScopeConfig } from '../mesh-config.js';
import {
  type ClusterModel,
  isNamedPod,
  judgeScope,
  type NamespaceModel,
  type ScopeVerdict,
  type ServiceRecord,
  waypointKey,
} from '../model/index.js';

/** Undefined: everything that is exported. */
export type PeerScope = readonly ScopeConfig[] | undefined;

/** By namespace, for every namespace of the cluster. */
export function toldServices(cluster: ClusterModel, scope: PeerScope): ReadonlyMap<string, readonly ServiceRecord[]> {
  const selected = new Map([...cluster.namespaces].map(([name, namespace]) => [name, selectedOf(namespace, scope)]));
  if (!scope) return selected;
  const fronts = new Set(
    [...selected.values()].flatMap((records) => records.flatMap((each) => waypointKey(each) ?? [])),
  );
  return new Map(
    [...selected].map(([name, records]) => {
      const waypoints = [...(cluster.namespaces.get(name)?.waypoints ?? [])].filter(({ key }) => fronts.has(key));
      const further = waypoints.flatMap(({ key }) => exportedOf(cluster, name, key) ?? []);
      return [name, [...new Set([...records, ...further])]];
    }),
  );
}

export interface PeerVerdict {
  readonly told: boolean;
  readonly reason: string;
}

/** Whether the peer is told of a service that the cluster exports, and why; for pages. */
export function createPeerJudge(cluster: ClusterModel, scope: PeerScope): (record: ServiceRecord) => PeerVerdict {
  const told = new Set([...toldServices(cluster, scope).values()].flat());
  return (record) => {
    const isTold = told.has(record);
    if (record.scope !== 'global') return { told: false, reason: 'not exported at all' };
    if (!scope) return { told: isTold, reason: 'no federation.exports of that peer: it is told everything exported' };
    const namespace = cluster.namespaces.get(record.namespace);
    const verdict = namespace && judgeRecord(namespace, record, scope);
    const entry = (index: number | undefined) => `entry ${index} of federation.exports of that peer`;
    if (verdict?.scope === 'global') return { told: isTold, reason: `${entry(verdict.selectedBy)} selects it` };
    if (isTold) return { told: isTold, reason: 'it stands in front of a service that the peer is told' };
    const isExcepted = verdict?.exceptedBy !== undefined;
    return {
      told: isTold,
      reason: isExcepted
        ? `${entry(verdict.exceptedBy)} excepts it`
        : 'no entry of federation.exports of that peer selects it',
    };
  };
}

const known = new WeakMap<NamespaceModel, Map<PeerScope, readonly ServiceRecord[]>>();

/** In a namespace that did not change it does not change: settings live as long as the process. */
function selectedOf(namespace: NamespaceModel, scope: PeerScope): readonly ServiceRecord[] {
  const found = known.get(namespace) ?? new Map<PeerScope, readonly ServiceRecord[]>();
  known.set(namespace, found);
  const records =
    found.get(scope) ??
    [...namespace.services.values()].filter(
      (record) => record.scope === 'global' && (!scope || judgeRecord(namespace, record, scope)?.scope === 'global'),
    );
  found.set(scope, records);
  return records;
}

function exportedOf(cluster: ClusterModel, namespace: string, key: string): ServiceRecord | undefined {
  const record = cluster.namespaces.get(namespace)?.services.get(key);
  return record?.scope === 'global' ? record : undefined;
}

/** Undefined when its labels are not known. */
export function judgeRecord(
  { objects }: NamespaceModel,
  record: ServiceRecord,
  scope: readonly ScopeConfig[],
): ScopeVerdict | undefined {
  const labels = labelsOf(record.canonical ? objects.Service : objects.ServiceEntry).get(nameOfService(record));
  return labels && judgeScope(scope, objects.Namespace[0]?.metadata.labels ?? {}, labels);
}

type Labelled = NamespaceModel['objects']['Service' | 'ServiceEntry'];
type Labels = Readonly<Record<string, string>>;

const labelsByName = new WeakMap<Labelled, ReadonlyMap<string, Labels>>();

function labelsOf(objects: Labelled): ReadonlyMap<string, Labels> {
  const found =
    labelsByName.get(objects) ?? new Map(objects.map(({ metadata }) => [metadata.name, metadata.labels] as const));
  labelsByName.set(objects, found);
  return found;
}

/** A pod's own name is that of its Service with one label before. */
function nameOfService(record: ServiceRecord): string {
  const { name, hostname } = record;
  const [service = ''] = isNamedPod(record) ? hostname.slice(name.length + 1).split('.') : [name];
  return service;
}
