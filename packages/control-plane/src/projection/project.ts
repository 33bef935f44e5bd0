/**
 * (model, viewer) -> resources. Pure; it alone decides what anyone may see. Namespace by namespace: what is seen of one
 * follows from its models in all clusters, the gateways between networks, and who the waypoints in front of it are. While
 * those are the same, the view of it is the same object as in the previous projection.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import {
  type ClusterModel,
  type GatewayRecord,
  isSameBasis,
  lazily,
  type Model,
  mergeMaps,
  type NamespaceModel,
  waypointKey,
} from '../model/index.js';
import { identitiesOf } from './endpoints.js';
import { gatewaysFor, gatewayWorkload } from './gateways.js';
import { exportedFrom, type MergedService, mergeServices, type NamespacePart, reachable } from './merge.js';
import { projectService } from './services.js';
import { splitHorizonWorkloads } from './split-horizon.js';
import type { NamespaceView, View, Viewer } from './types.js';

/** What one projection looks at in every namespace. */
interface Scene {
  readonly viewer: Viewer;
  readonly own: ClusterModel;
  /** In the order of ids. */
  readonly clusters: readonly ClusterModel[];
  /** Into other networks; none for gateways, which look at their own only. */
  readonly gateways: readonly GatewayRecord[];
}

type Content = Pick<NamespaceView, 'services' | 'workloads'>;

export function project(model: Model, viewer: Viewer, previous?: View): View {
  const own = model.clusters.get(viewer.cluster);
  if (!own) return assemble(new Map(), new Map());
  const isGateway = viewer.role === 'router';
  const scene: Scene = {
    viewer,
    own,
    clusters: [...model.clusters.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    gateways: isGateway ? [] : gatewaysFor(model, own.id, own.network),
  };
  const namespaces = new Map<string, NamespaceView>();
  const keep = (name: string, basis: readonly unknown[], make: () => Content) => {
    const before = previous?.namespaces.get(name);
    namespaces.set(name, before && isSameBasis(before.basis, basis) ? before : { ...make(), basis });
  };
  keep('', scene.gateways, () => ({
    services: new Map(),
    workloads: byName(scene.gateways.map(gatewayWorkload), 'uid'),
  }));
  for (const [name, parts] of partsByNamespace(scene)) {
    keep(name, basisOf(scene, parts), () => (isGateway ? seenByGateway(scene, parts) : seenByWorkloads(scene, parts)));
  }
  // Policies are enforced where the inner tunnel ends; at a gateway a name without its policy would only mislead.
  return assemble(namespaces, isGateway ? new Map() : own.policies);
}

function assemble(namespaces: View['namespaces'], policies: View['policies']): View {
  const services = lazily(() => mergeMaps([...namespaces.values()].map((view) => view.services)));
  const workloads = lazily(() => mergeMaps([...namespaces.values()].map((view) => view.workloads)));
  return {
    namespaces,
    get services() {
      return services();
    },
    get workloads() {
      return workloads();
    },
    policies,
  };
}

function partsByNamespace({ clusters }: Scene): ReadonlyMap<string, readonly NamespacePart[]> {
  const parts = new Map<string, NamespacePart[]>();
  for (const cluster of clusters) {
    for (const [name, namespace] of cluster.namespaces) {
      const known = parts.get(name);
      if (known) known.push({ cluster, namespace });
      // Under the empty name are objects of no namespace, none of which is seen.
      else if (name !== '') parts.set(name, [{ cluster, namespace }]);
    }
  }
  return parts;
}

function basisOf({ viewer, own, gateways }: Scene, parts: readonly NamespacePart[]): readonly unknown[] {
  const basis: unknown[] = [viewer.role, own.id, own.network, ...gateways];
  for (const { cluster, namespace } of parts) {
    basis.push(cluster.id, cluster.network, cluster.trustDomain, namespace);
    for (const front of frontsOf(namespace)) basis.push(identitiesOf(cluster, front).join(' '));
  }
  return basis;
}

const fronts = new WeakMap<NamespaceModel, readonly string[]>();

/** The waypoints in front of services of the namespace, whose identities are told with the services. */
function frontsOf(namespace: NamespaceModel): readonly string[] {
  let known = fronts.get(namespace);
  if (!known) {
    known = [...new Set([...namespace.services.values()].flatMap((record) => waypointKey(record) ?? []))];
    fronts.set(namespace, known);
  }
  return known;
}

function seenByWorkloads({ own, gateways }: Scene, parts: readonly NamespacePart[]): Content {
  const { network } = own;
  const merged = mergeServices(parts, own.id, reachable);
  const services = [...merged.values()].map((one) => projectService({ merged: one, network, identities: one.parts }));
  const remote = [...merged.values()].flatMap((one) => splitHorizonWorkloads(one, network, gateways));
  const workloads = [...nearWorkloads(parts, network, merged), ...remote];
  return { services: byName(services, 'key'), workloads: byName(workloads, 'uid') };
}

function seenByGateway({ own }: Scene, parts: readonly NamespacePart[]): Content {
  const { network } = own;
  const exported = mergeServices(parts, own.id, exportedFrom(network));
  // Clients on other networks prove themselves as waypoints of the service as they see it, so their pods are named too.
  const everywhere = mergeServices(parts, own.id, reachable);
  const services = [...exported.values()].map((merged) => {
    return projectService({ merged, network, identities: everywhere.get(merged.key)?.parts ?? merged.parts });
  });
  const members = nearWorkloads(parts, network, exported).filter((workload) => workload.services.size > 0);
  const workloads = members.map((workload) => ({ ...workload, authorizationPolicies: [] }));
  return { services: byName(services, 'key'), workloads: byName(workloads, 'uid') };
}

/**
 * Workloads of the viewer's network, of whatever cluster, as members of those services only that are seen from here.
 */
function nearWorkloads(
  parts: readonly NamespacePart[],
  network: string,
  merged: ReadonlyMap<string, MergedService>,
): readonly Workload[] {
  return parts.flatMap(({ cluster, namespace }) => {
    const isSeen = (key: string) => merged.get(key)?.parts.some((part) => part.cluster === cluster) ?? false;
    const near = [...namespace.workloads.values()].filter((workload) => workload.network === network);
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
