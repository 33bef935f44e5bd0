/**
 * All objects of one cluster to its model, namespace by namespace. Pure: the same objects give an equal model, in
 * whatever order they were read and whatever the previous model was; that only spares work.
 */
import { createContext } from './context.js';
import { deriveEntries } from './entries.js';
import { lazily, mergeMaps } from './flat.js';
import { type ClusterInput, deriveFrame, type Frame } from './frame.js';
import { deriveNetworkGateways } from './gateways.js';
import { indexMemberships } from './memberships.js';
import { derivePods } from './pods.js';
import { derivePolicies } from './policies/index.js';
import { exportWaypoints, waypointsNeeded } from './scope.js';
import { deriveServiceEntries } from './service-entries.js';
import { deriveServices } from './services.js';
import type { ClusterModel, GatewayRecord, NamespaceModel } from './types.js';
import { indexWaypoints } from './waypoints.js';

export interface DerivedCluster extends ClusterModel {
  /** What the next derivation may take over. */
  readonly frame: Frame;
  readonly derived: ReadonlyMap<string, NamespaceModel>;
}

export function deriveCluster(input: ClusterInput, previous?: DerivedCluster): DerivedCluster {
  const frame = deriveFrame(input, previous?.frame);
  const reusable = previous?.frame === frame ? previous.derived : undefined;
  const derived = new Map<string, NamespaceModel>();
  for (const [name, objects] of input.objects) {
    const before = reusable?.get(name);
    derived.set(
      name,
      before?.objects === objects ? before : deriveNamespace(frame, name, objects, previous?.derived.get(name)),
    );
  }
  const needed = new Set([...derived.values()].flatMap(({ waypointsNeeded }) => waypointsNeeded));
  const namespaces = new Map([...derived].map(([name, model]) => [name, exportWaypoints(model, needed)]));
  const all = [...namespaces.values()];
  const services = lazily(() => mergeMaps(all.map((namespace) => namespace.services)));
  const workloads = lazily(() => mergeMaps(all.map((namespace) => namespace.workloads)));
  return {
    id: frame.id,
    network: frame.network,
    trustDomain: frame.trustDomain,
    namespaces,
    get services() {
      return services();
    },
    get workloads() {
      return workloads();
    },
    gateways: all.flatMap(({ gateways }) => gateways),
    policies: mergeMaps(all.map(({ policies }) => policies)),
    problems: [...frame.problems, ...all.flatMap(({ problems }) => problems)],
    frame,
    derived,
  };
}

function deriveNamespace(
  frame: Frame,
  name: string,
  objects: NamespaceModel['objects'],
  previous: NamespaceModel | undefined,
): NamespaceModel {
  const context = createContext(frame, name, objects);
  const waypoints = indexWaypoints(context);
  const policies = derivePolicies(context);
  const services = [...deriveServices(context, waypoints), ...deriveServiceEntries(context, waypoints)];
  const indexes = { waypoints, memberships: indexMemberships(context), policies };
  const workloads = [...derivePods(context, indexes), ...deriveEntries(context, indexes)];
  return {
    objects,
    services: new Map(services.map((record) => [record.key, record])),
    workloads: new Map(workloads.map((workload) => [workload.uid, workload])),
    gateways: keepEqual(previous?.gateways ?? [], deriveNetworkGateways(context)),
    policies: policies.resources,
    problems: context.problems,
    waypointsNeeded: waypointsNeeded(services),
  };
}

/** Records that say the same are the same: every namespace of every viewer depends on them. */
function keepEqual(previous: readonly GatewayRecord[], next: readonly GatewayRecord[]): readonly GatewayRecord[] {
  const known = new Map(previous.map((record) => [JSON.stringify(record), record]));
  return next.map((record) => known.get(JSON.stringify(record)) ?? record);
}
