/**
 * `/debug/explain?from=namespace/pod&to=host:port`: where a connection of a workload of this cluster would go, by what the
 * proxies on its way are told: its ztunnel, and the waypoint that it is sent to. The decisions are those that the proxies
 * make, over the same records. Besides, what every cluster has of the service, and why that counts or does not.
 */
import { createStore, type ResourceModel, type Snapshot, type Workload } from '@isthmus/sdk/discovery';
import {
  type Authority,
  type Explanation,
  explainOutbound,
  explainWaypoint,
  parseAuthority,
} from '@isthmus/sdk/routing';
import type { ClusterModel } from '../model/index.js';
import type { View } from '../projection/index.js';
import { type ScopeRow, scopeRowsOf } from './scope.js';

/** What one cluster has of the service. */
export interface ExplainedCluster extends ScopeRow {
  /** Members of the service there: all, those that are ready, and of these those that take HBONE; as capacity. */
  readonly members: { readonly all: number; readonly ready: number; readonly hbone: number };
  /** Key of the waypoint in front of it there. */
  readonly waypoint?: string;
  /** How often a connection would go there, 0 to 1. */
  readonly share: number;
}

export interface FullExplanation extends Explanation {
  /** What the waypoint does with it, when it is sent to one on the own network. */
  readonly next?: Explanation;
  /** In the order of ids, also those that have the service and keep it; empty when no service is meant. */
  readonly clusters: readonly ExplainedCluster[];
}

export type Explained =
  | { readonly ok: true; readonly explanation: FullExplanation }
  | { readonly ok: false; readonly status: 400 | 404 | 503; readonly reason: string };

export function createExplainer(viewNow: () => View | undefined): (query: URLSearchParams) => Explained {
  let known: { readonly view: View; readonly snapshot: Snapshot } | undefined;
  return (query) => {
    const reading = parseAuthority(query.get('to') ?? undefined);
    if (!reading.ok) return refused(400, `to: ${reading.reason}; expected host:port`);
    const [namespace, name, ...more] = (query.get('from') ?? '').split('/');
    if (!namespace || !name || more.length > 0) return refused(400, 'from: expected namespace/pod');
    const view = viewNow();
    if (!view) return refused(503, 'there is no view yet');
    // One per view: with a hundred thousand workloads it takes a moment.
    if (known?.view !== view) known = { view, snapshot: snapshotOf(view) };
    const { cluster } = view.origin.viewer;
    const all = [...view.workloads.values()].filter((each) => each.namespace === namespace && each.name === name);
    const source = all.find(({ clusterId }) => clusterId === cluster);
    if (!source) {
      const [elsewhere] = all;
      const hint = elsewhere ? `; it is of cluster ${elsewhere.clusterId}, ask that control plane` : '';
      return refused(404, `no workload ${namespace}/${name} of cluster ${cluster}${hint}`);
    }
    const { network } = source;
    const request = { source, network, target: reading.authority, random: Math.random };
    const first = explainOutbound(known.snapshot, request);
    return { ok: true, explanation: inFull(view, known.snapshot, first, reading.authority) };
  };
}

function refused(status: 400 | 404 | 503, reason: string): Explained {
  return { ok: false, status, reason };
}

function inFull(view: View, snapshot: Snapshot, first: Explanation, asked: Authority): FullExplanation {
  const next = atWaypoint(snapshot, first);
  const last = next ?? first;
  const services = last.service === undefined ? namesakes(view, asked) : [last.service];
  const clusters = services.flatMap((service) => clustersOf(view, snapshot, service, last));
  return { ...first, ...(next && { next }), clusters };
}

/** Services of that name that are not seen from here: why, is what there is to explain. */
function namesakes({ origin }: View, asked: Authority): readonly string[] {
  if (asked.kind !== 'hostname') return [];
  const records = [...origin.model.clusters.values()].flatMap(({ services }) => [...services.values()]);
  return [...new Set(records.filter(({ hostname }) => hostname === asked.hostname).map(({ key }) => key))];
}

function atWaypoint(snapshot: Snapshot, { plan, from: { network } }: Explanation): Explanation | undefined {
  if (plan.kind !== 'tunnel' || plan.via !== 'waypoint') return undefined;
  const waypoint = plan.hop.uid === undefined ? undefined : snapshot.workload(plan.hop.uid);
  return waypoint && explainWaypoint(snapshot, { waypoint, network, authority: plan.authority, random: Math.random });
}

function clustersOf(view: View, snapshot: Snapshot, service: string, last: Explanation): readonly ExplainedCluster[] {
  const candidates = last.steps.filter(({ what }) => what === 'endpoint').flatMap((step) => step.candidates);
  const shareOf = (cluster: string) =>
    candidates
      .filter(({ uid }) => snapshot.workload(uid)?.clusterId === cluster)
      .reduce((sum, { share }) => sum + share, 0);
  return scopeRowsOf(view, service).flatMap((row) => {
    const cluster = view.origin.model.clusters.get(row.cluster);
    if (!cluster) return [];
    const destination = cluster.services.get(service)?.waypoint?.destination;
    return [
      {
        ...row,
        members: countMembers(cluster, service),
        ...(destination?.kind === 'hostname' && {
          waypoint: `${destination.name.namespace}/${destination.name.hostname}`,
        }),
        share: shareOf(row.cluster),
      },
    ];
  });
}

function countMembers(cluster: ClusterModel, service: string): ExplainedCluster['members'] {
  const namespace = cluster.namespaces.get(service.slice(0, service.indexOf('/')));
  const all = [...(namespace?.workloads.values() ?? [])].filter(({ services }) => services.has(service));
  const ready = all.filter(({ healthy }) => healthy);
  const hbone = ready.filter(({ tunnelProtocol }) => tunnelProtocol === 'hbone');
  return { all: capacityOf(all), ready: capacityOf(ready), hbone: capacityOf(hbone) };
}

function capacityOf(workloads: readonly Workload[]): number {
  return workloads.reduce((sum, { capacity }) => sum + capacity, 0);
}

function snapshotOf(view: View): Snapshot {
  const upserts: readonly ResourceModel[] = [
    ...[...view.services.values()].map((value) => ({ kind: 'service', value }) as const),
    ...[...view.workloads.values()].map((value) => ({ kind: 'workload', value }) as const),
    ...[...view.policies.values()].map((value) => ({ kind: 'policy', value }) as const),
  ];
  return createStore().apply({ upserts, removals: [] });
}
