/**
 * `/debug/explain?from=namespace/pod&to=host:port`: where a connection of a workload of this cluster would go, by what its
 * ztunnel is told. The decision is the one proxies make, over the same records.
 */
import { createStore, type ResourceModel, type Snapshot } from '@isthmus/sdk/discovery';
import { type Explanation, explainOutbound, parseAuthority } from '@isthmus/sdk/routing';
import type { View } from '../projection/index.js';

export type Explained =
  | { readonly ok: true; readonly explanation: Explanation }
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
    const target = reading.authority;
    return { ok: true, explanation: explainOutbound(known.snapshot, { source, network, target, random: Math.random }) };
  };
}

function refused(status: 400 | 404 | 503, reason: string): Explained {
  return { ok: false, status, reason };
}

function snapshotOf(view: View): Snapshot {
  const upserts: readonly ResourceModel[] = [
    ...[...view.services.values()].map((value) => ({ kind: 'service', value }) as const),
    ...[...view.workloads.values()].map((value) => ({ kind: 'workload', value }) as const),
    ...[...view.policies.values()].map((value) => ({ kind: 'policy', value }) as const),
  ];
  return createStore().apply({ upserts, removals: [] });
}
