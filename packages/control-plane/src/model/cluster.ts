/**
 * All objects of one cluster to its model, namespace by namespace. Pure: the same objects give an equal model, in
 * whatever order they were read and whatever the previous model was; that only spares work.
 */
import { KIND_NAMES, type ObjectsByKind } from '../sources/index.js';
import { createContext } from './context.js';
import { deriveEntries } from './entries.js';
import { lazily, mergeMaps } from './flat.js';
import { type ClusterInput, deriveFrame, type Frame, isSameBasis } from './frame.js';
import { deriveNetworkGateways } from './gateways.js';
import { indexMemberships } from './memberships.js';
import { indexNamedPods } from './named-pods.js';
import { derivePods, ingressPodsOf, knownPods } from './pods.js';
import { derivePolicies } from './policies/index.js';
import { claimsOf, exportWaypoints, frontsOf, localFrontsOf, waypointsNeeded } from './scope.js';
import { deriveServiceEntries } from './service-entries.js';
import { deriveServices } from './services.js';
import type { ClusterModel, NamespaceModel } from './types.js';
import { indexWaypoints } from './waypoints.js';

export interface DerivedCluster extends ClusterModel {
  /** What the next derivation may take over. */
  readonly frame: Frame;
  readonly derived: ReadonlyMap<string, NamespaceModel>;
}

export function deriveCluster(input: ClusterInput, previous?: DerivedCluster): DerivedCluster {
  const frame = deriveFrame(input, previous?.frame);
  const isSameFrame = previous?.frame === frame;
  const derived = new Map<string, NamespaceModel>();
  for (const [name, objects] of input.objects) {
    const before = previous?.derived.get(name);
    const isKnown = isSameFrame && before?.objects === objects;
    derived.set(name, isKnown ? before : deriveNamespace({ frame, name, objects, before, isSameFrame }));
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

interface NamespaceInput {
  readonly frame: Frame;
  readonly name: string;
  readonly objects: NamespaceModel['objects'];
  readonly before: NamespaceModel | undefined;
  /** Whether `before` was derived in the same frame. */
  readonly isSameFrame: boolean;
}

function deriveNamespace({ frame, name, objects, before, isSameFrame }: NamespaceInput): NamespaceModel {
  // Of all that changes, nearly all is pods: one that is the same object among the same others is what it was.
  const isKnown = before && isSameFrame && differsInPodsOnly(before.objects, objects);
  const unchanged = isKnown ? knownPods(frame.id, before.objects.Pod, before.workloads) : undefined;
  const context = createContext(frame, name, objects);
  const waypoints = indexWaypoints(context);
  const policies = derivePolicies(context);
  const ownServices = deriveServices(context, waypoints);
  const named = indexNamedPods(context, waypoints, ownServices);
  const services = [...ownServices, ...named.records, ...deriveServiceEntries(context, waypoints)];
  const indexes = { waypoints, memberships: indexMemberships(context, named), policies };
  const workloads = [...derivePods(context, indexes, unchanged), ...deriveEntries(context, indexes)];
  return {
    objects,
    services: new Map(services.map((record) => [record.key, record])),
    workloads: new Map(workloads.map((workload) => [workload.uid, workload])),
    gateways: keepEqual(before?.gateways ?? [], deriveNetworkGateways(context)),
    policies: policies.resources,
    problems: context.problems,
    waypoints: services.filter(({ isWaypoint }) => isWaypoint),
    fronts: frontsOf(services),
    waypointsNeeded: waypointsNeeded(services),
    localFronts: keepAll(before?.localFronts, localFrontsOf(services)),
    claims: keepAll(before?.claims, claimsOf(services)),
    ingressPods: ingressPodsOf(context),
  };
}

function differsInPodsOnly(a: ObjectsByKind, b: ObjectsByKind): boolean {
  return KIND_NAMES.every((kind) => kind === 'Pod' || isSameBasis(a[kind], b[kind]));
}

/** The list before, when the next says the same. */
function keepAll<T>(previous: readonly T[] | undefined, next: readonly T[]): readonly T[] {
  return previous && JSON.stringify(previous) === JSON.stringify(next) ? previous : next;
}

/** Records that say the same are the same: every namespace of every viewer depends on them. */
function keepEqual<T>(previous: readonly T[], next: readonly T[]): readonly T[] {
  const known = new Map(previous.map((record) => [JSON.stringify(record), record]));
  return next.map((record) => known.get(JSON.stringify(record)) ?? record);
}
