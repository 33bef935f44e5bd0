/**
 * All objects of one cluster to its model, namespace by namespace. Pure: the same objects give an equal model, in
 * whatever order they were read and whatever the previous model was; that only spares work.
 */
import type { Authorization } from '@isthmus/sdk/discovery';
import { KIND_NAMES, type ObjectsByKind } from '../sources/index.js';
import { createContext, type NamespaceContext } from './context.js';
import { deriveEntries } from './entries.js';
import { withAll } from './flat.js';
import { type ClusterInput, deriveFrame, type Frame, isSameBasis } from './frame.js';
import { deriveNetworkGateways } from './gateways.js';
import { haveSameMembers, indexMemberships } from './memberships.js';
import { indexNamedPods } from './named-pods.js';
import { derivePods, ingressPodsOf, knownPods, type WorkloadIndexes } from './pods.js';
import { derivePolicies } from './policies/index.js';
import { claimsOf, exportWaypoints, frontsOf, localFrontsOf, waypointsNeeded } from './scope.js';
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
  const isSameFrame = previous?.frame === frame;
  const derived = new Map<string, NamespaceModel>();
  for (const [name, objects] of input.objects) {
    const before = previous?.derived.get(name);
    const isKnown = isSameFrame && before?.objects === objects;
    derived.set(name, isKnown ? before : deriveNamespace({ frame, name, objects, before, isSameFrame }));
  }
  return assemble(frame, derived);
}

/** Loops, because every change of a cluster comes through here, and most namespaces have nothing to add. */
function assemble(frame: Frame, derived: ReadonlyMap<string, NamespaceModel>): DerivedCluster {
  const needed = new Set<string>();
  for (const { waypointsNeeded } of derived.values()) for (const key of waypointsNeeded) needed.add(key);
  const namespaces = new Map<string, NamespaceModel>();
  const gateways: GatewayRecord[] = [];
  const policies = new Map<string, Authorization>();
  const problems = [...frame.problems];
  for (const [name, model] of derived) {
    namespaces.set(name, exportWaypoints(model, needed));
    if (model.gateways.length > 0) gateways.push(...model.gateways);
    if (model.problems.length > 0) problems.push(...model.problems);
    for (const [key, policy] of model.policies) policies.set(key, policy);
  }
  const { id, network, trustDomain } = frame;
  return withAll(namespaces, { id, network, trustDomain, namespaces, gateways, policies, problems, frame, derived });
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
  // Nearly all that changes is pods: one that is the same object among the same others is what it was.
  const known = before && isSameFrame && isSameForWorkloads(before.objects, objects) ? before : undefined;
  const context = createContext(frame, name, objects);
  const waypoints = indexWaypoints(context);
  const policies = derivePolicies(context);
  const ownServices = deriveServices(context, waypoints);
  const named = indexNamedPods(context, waypoints, ownServices);
  const services = [...ownServices, ...named.records, ...deriveServiceEntries(context, waypoints)];
  return {
    objects,
    services: new Map(services.map((record) => [record.key, record])),
    ...(known && isSameBasis(known.objects.Pod, objects.Pod)
      ? { workloads: known.workloads, ingressPods: known.ingressPods ?? [] }
      : deriveWorkloads(context, known, () => ({
          waypoints,
          memberships: indexMemberships(context, named),
          policies,
        }))),
    gateways: keepEqual(before?.gateways ?? [], deriveNetworkGateways(context)),
    policies: policies.resources,
    problems: context.problems,
    waypoints: services.filter(({ isWaypoint }) => isWaypoint),
    fronts: frontsOf(services),
    waypointsNeeded: waypointsNeeded(services),
    localFronts: keepAll(before?.localFronts, localFrontsOf(services)),
    claims: keepAll(before?.claims, claimsOf(services)),
  };
}

function deriveWorkloads(
  context: NamespaceContext,
  known: NamespaceModel | undefined,
  makeIndexes: () => WorkloadIndexes,
): Pick<NamespaceModel, 'workloads' | 'ingressPods'> {
  const unchanged = known && knownPods(context.id, known.objects.Pod, known.workloads);
  const indexes = makeIndexes();
  const all = [...derivePods(context, indexes, unchanged), ...deriveEntries(context, indexes)];
  return { workloads: new Map(all.map((each) => [each.uid, each])), ingressPods: ingressPodsOf(context) };
}

/** Whether workloads follow from the same, pods themselves apart. */
function isSameForWorkloads(a: ObjectsByKind, b: ObjectsByKind): boolean {
  return KIND_NAMES.every(
    (kind) =>
      kind === 'Pod' || isSameBasis(a[kind], b[kind]) || (kind === 'Service' && haveSameMembers(a.Service, b.Service)),
  );
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
