/** What a viewer sees of one namespace, from its models in all clusters; by what the viewer's role sees. */
import type { Workload } from '@isthmus/sdk/discovery';
import { gatewayWorkload } from './gateways.js';
import { ingressPods, seenByIngress, withoutPolicies } from './ingress.js';
import type { Scene } from './known.js';
import {
  exportedFrom,
  type MergedService,
  mergeServices,
  type NamespacePart,
  reachable,
  type Standpoint,
} from './merge.js';
import { projectService, type Viewpoint } from './services.js';
import { splitHorizonWorkloads } from './split-horizon.js';
import { type NamespaceView, sightOf } from './types.js';
import { needsVip, takenBy } from './vips.js';

const NO_SERVICES: NamespaceView['services'] = new Map();

function partsOf({ clusters }: Scene, name: string): readonly NamespacePart[] {
  return clusters.flatMap((cluster) => {
    const namespace = cluster.namespaces.get(name);
    return namespace ? [{ cluster, namespace }] : [];
  });
}

export function seenOfGateways({ gateways }: Scene): NamespaceView {
  return { services: NO_SERVICES, workloads: byName(gateways.map(gatewayWorkload), 'uid') };
}

export function seenOf(scene: Scene, name: string): NamespaceView {
  const parts = partsOf(scene, name);
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
  const strangers = [...merged.values()].filter((one) => needsVip(one, viewer)).map(({ key }) => key);
  const taken = takenBy(services, viewer);
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

function viewpointOf({ own, overlaps, reserved }: Scene): Viewpoint {
  return { cluster: own.id, network: own.network, contested: overlaps.contested, reserved };
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
  for (const key of workload.services.keys()) {
    if (isSeen(key)) continue;
    return { ...workload, services: new Map([...workload.services].filter(([each]) => isSeen(each))) };
  }
  return workload;
}

function byName<K extends string, T extends Readonly<Record<K, string>>>(
  values: readonly T[],
  name: K,
): ReadonlyMap<string, T> {
  return new Map(
    values.map((value): [string, T] => [value[name], value]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
}
