/**
 * All objects of one cluster to its model. Pure: the same objects give an equal model, in whatever order they were
 * read.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import { type ClusterInput, createContext } from './context.js';
import { deriveEntries } from './entries.js';
import { deriveNetworkGateways, indexGateways } from './gateways.js';
import { indexMemberships } from './memberships.js';
import { derivePods } from './pods.js';
import { derivePolicies } from './policies/index.js';
import { exportWaypoints } from './scope.js';
import { deriveServiceEntries } from './service-entries.js';
import { deriveServices } from './services.js';
import type { ClusterModel } from './types.js';
import { indexWaypoints } from './waypoints.js';

export function deriveCluster(input: ClusterInput): ClusterModel {
  const context = createContext(input);
  const gateways = indexGateways(context);
  const waypoints = indexWaypoints(context, gateways);
  const policies = derivePolicies(context);
  const services = exportWaypoints([
    ...deriveServices(context, gateways, waypoints),
    ...deriveServiceEntries(context, waypoints),
  ]);
  const indexes = { gateways, waypoints, memberships: indexMemberships(context), policies };
  const workloads: readonly Workload[] = [...derivePods(context, indexes), ...deriveEntries(context, indexes)];
  return {
    id: context.id,
    network: context.network,
    trustDomain: context.trustDomain,
    services: new Map(services.map((record) => [record.key, record])),
    workloads: new Map(workloads.map((workload) => [workload.uid, workload])),
    gateways: deriveNetworkGateways(context, gateways),
    policies: policies.resources,
    problems: context.problems,
  };
}
