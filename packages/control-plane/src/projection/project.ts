/**
 * (model, viewer) -> resources. Pure; it alone decides what anyone may see. Namespace by namespace: what is seen of one
 * follows from its models in all clusters, the gateways between networks, and who the waypoints in front of it are. While
 * those are the same, the view of it is the same object as in the previous projection. Addresses for services that have none
 * here come last, because they follow from all namespaces together.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import { type ClusterModel, lazily, type Model, mergeMaps } from '../model/index.js';
import { familiesOf } from './families.js';
import { gatewaysFor, gatewayWorkload } from './gateways.js';
import { ingressPods, policiesOfIngress, seenByIngress, withoutPolicies } from './ingress.js';
import { knownTo, type Scene } from './known.js';
import {
  exportedFrom,
  type MergedService,
  mergeServices,
  type NamespacePart,
  reachable,
  type Standpoint,
} from './merge.js';
import { overlapsOf } from './overlaps.js';
import { projectService, type Viewpoint } from './services.js';
import { splitHorizonWorkloads } from './split-horizon.js';
import { type NamespaceView, sightOf, type View, type Viewer } from './types.js';
import { allocateVips, needsVip, takenBy, withVips } from './vips.js';

export function project(model: Model, viewer: Viewer, previous?: View): View {
  const own = model.clusters.get(viewer.cluster);
  if (!own) return assemble({ model, viewer }, new Map(), new Map());
  const scene = sceneOf(model, viewer, own, previous);
  const known = previous && knownTo(scene, model, previous);
  const namespaces = new Map<string, NamespaceView>();
  if (scene.gateways.length > 0) namespaces.set('', known?.get('') ?? seenOfGateways(scene));
  for (const name of namesOf(scene)) {
    const view = known?.get(name) ?? seenOf(scene, partsOf(scene, name));
    namespaces.set(name, view);
  }
  const before = previous?.origin.allocation;
  const allocation = allocateVips(model.vipBlocks, familiesOf(own), namespaces.values(), before);
  for (const [name, view] of namespaces) namespaces.set(name, withVips(view, own.network, allocation));
  return assemble({ model, viewer, overlaps: scene.overlaps, allocation }, namespaces, policiesFor(viewer, own));
}

/** Policies are enforced where the inner tunnel ends, so never by an east-west gateway. */
function policiesFor({ role }: Viewer, own: ClusterModel): View['policies'] {
  const sight = sightOf(role);
  if (sight === 'mesh') return own.policies;
  return sight === 'ingress' ? policiesOfIngress(own) : NOTHING;
}

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

function sceneOf(model: Model, viewer: Viewer, own: ClusterModel, previous: View | undefined): Scene {
  const clusters = [...model.clusters.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    viewer,
    own,
    clusters,
    gateways: sightOf(viewer.role) === 'exports' ? [] : gatewaysFor(model, own.id, own.network),
    overlaps: overlapsOf(own, clusters, previous?.origin.overlaps),
  };
}

function assemble(origin: View['origin'], namespaces: View['namespaces'], policies: View['policies']): View {
  const services = lazily(() => mergeMaps([...namespaces.values()].map((view) => view.services)));
  const workloads = lazily(() => mergeMaps([...namespaces.values()].map((view) => view.workloads)));
  return {
    origin,
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

/** Under the empty name are objects of no namespace, none of which is seen. */
function namesOf({ clusters }: Scene): ReadonlySet<string> {
  const names = new Set(clusters.flatMap(({ namespaces }) => [...namespaces.keys()]));
  names.delete('');
  return names;
}

function partsOf({ clusters }: Scene, name: string): readonly NamespacePart[] {
  return clusters.flatMap((cluster) => {
    const namespace = cluster.namespaces.get(name);
    return namespace ? [{ cluster, namespace }] : [];
  });
}

function seenOfGateways({ gateways }: Scene): NamespaceView {
  return { services: NOTHING, workloads: byName(gateways.map(gatewayWorkload), 'uid') };
}

function seenOf(scene: Scene, parts: readonly NamespacePart[]): NamespaceView {
  switch (sightOf(scene.viewer.role)) {
    case 'mesh':
      return seenByWorkloads(scene, parts);
    case 'exports':
      return seenByGateway(scene, parts);
    case 'ingress':
      return seenByIngress(seenByWorkloads(scene, parts), ingressPods(scene.own, parts));
  }
}

function seenByWorkloads(scene: Scene, parts: readonly NamespacePart[]): NamespaceView {
  const { own, gateways } = scene;
  const { network } = own;
  const viewer = viewpointOf(scene);
  const merged = mergeServices(parts, own.id, reachable(standpointOf(scene)));
  const services = [...merged.values()].map((one) => projectService({ merged: one, viewer, identities: one.parts }));
  const remote = [...merged.values()].flatMap((one) => splitHorizonWorkloads(one, network, gateways));
  const workloads = [...nearWorkloads(parts, network, merged), ...remote];
  const strangers = [...merged.values()].filter((one) => needsVip(one, network)).map(({ key }) => key);
  const taken = takenBy(services, network);
  return { services: byName(services, 'key'), workloads: byName(workloads, 'uid'), strangers, taken };
}

function seenByGateway(scene: Scene, parts: readonly NamespacePart[]): NamespaceView {
  const { own } = scene;
  const { network } = own;
  const viewer = viewpointOf(scene);
  const exported = mergeServices(parts, own.id, exportedFrom(standpointOf(scene)));
  // Clients on other networks prove themselves as waypoints of the service as they see it, so their pods are named too.
  const everywhere = mergeServices(parts, own.id, reachable(standpointOf(scene)));
  const services = [...exported.values()].map((merged) => {
    return projectService({ merged, viewer, identities: everywhere.get(merged.key)?.parts ?? merged.parts });
  });
  const members = nearWorkloads(parts, network, exported).filter((workload) => workload.services.size > 0);
  const workloads = members.map(withoutPolicies);
  return { services: byName(services, 'key'), workloads: byName(workloads, 'uid') };
}

function viewpointOf({ own, overlaps }: Scene): Viewpoint {
  return { cluster: own.id, network: own.network, contested: overlaps.contested };
}

function standpointOf({ own, overlaps }: Scene): Standpoint {
  return { network: own.network, confined: overlaps.confined };
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
