/** (model, viewer) -> resources. Pure; it alone decides what anyone may see. */
import type { Workload } from '@isthmus/sdk/discovery';
import type { ClusterModel, Model } from '../model/index.js';
import { gatewaysFor, gatewayWorkload } from './gateways.js';
import { exportedFrom, type MergedService, mergeServices, reachable } from './merge.js';
import { projectService } from './services.js';
import { splitHorizonWorkloads } from './split-horizon.js';
import type { View, Viewer } from './types.js';

const NOTHING: View = { services: new Map(), workloads: new Map(), policies: new Map() };

export function project(model: Model, { cluster, role }: Viewer): View {
  const own = model.clusters.get(cluster);
  if (!own) return NOTHING;
  return role === 'router' ? projectForGateway(model, own) : projectForWorkloads(model, own);
}

function projectForWorkloads(model: Model, own: ClusterModel): View {
  const { network } = own;
  const merged = mergeServices(model, own.id, reachable);
  const gateways = gatewaysFor(model, own.id, network);
  const services = [...merged.values()].map((one) => projectService({ merged: one, network, identities: one.parts }));
  const workloads = [
    ...nearWorkloads(model, network, merged),
    ...gateways.map(gatewayWorkload),
    ...[...merged.values()].flatMap((one) => splitHorizonWorkloads(one, network, gateways)),
  ];
  return { services: byName(services, 'key'), workloads: byName(workloads, 'uid'), policies: own.policies };
}

function projectForGateway(model: Model, own: ClusterModel): View {
  const { network } = own;
  const exported = mergeServices(model, own.id, exportedFrom(network));
  // Clients on other networks prove themselves as waypoints of the service as they see it, so their pods are named too.
  const everywhere = mergeServices(model, own.id, reachable);
  const services = [...exported.values()].map((merged) => {
    return projectService({ merged, network, identities: everywhere.get(merged.key)?.parts ?? merged.parts });
  });
  const members = nearWorkloads(model, network, exported).filter((workload) => workload.services.size > 0);
  // Policies are enforced where the inner tunnel ends; a name without its policy would only look like a mistake here.
  const workloads = members.map((workload) => ({ ...workload, authorizationPolicies: [] }));
  return { services: byName(services, 'key'), workloads: byName(workloads, 'uid'), policies: new Map() };
}

/**
 * Workloads of the viewer's network, of whatever cluster, as members of those services only that are seen from here.
 */
function nearWorkloads(model: Model, network: string, merged: ReadonlyMap<string, MergedService>): readonly Workload[] {
  return [...model.clusters.values()].flatMap((cluster) => {
    const isSeen = (key: string) => merged.get(key)?.parts.some((part) => part.cluster === cluster) ?? false;
    const near = [...cluster.workloads.values()].filter((workload) => workload.network === network);
    return near.map((workload) => restrictMemberships(workload, isSeen));
  });
}

/** The same object when nothing has to go: what is encoded once stays encoded. */
function restrictMemberships(workload: Workload, isSeen: (key: string) => boolean): Workload {
  const kept = [...workload.services].filter(([key]) => isSeen(key));
  return kept.length === workload.services.size ? workload : { ...workload, services: new Map(kept) };
}

function byName<K extends string, T extends Readonly<Record<K, string>>>(
  values: readonly T[],
  name: K,
): ReadonlyMap<string, T> {
  return new Map(
    values.map((value): [string, T] => [value[name], value]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
}
