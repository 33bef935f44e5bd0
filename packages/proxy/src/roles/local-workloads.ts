/**
 * Which workloads this process stands for. Pure: a snapshot and the settings in, records out. In shared mode those of
 * the node, as ztunnel; in dedicated mode the one that is named, and only with the service account that was named, since
 * that decides whose certificate is used.
 */
import type { Snapshot, Workload } from '@isthmus/sdk/discovery';
import type { Settings, WorkloadName } from '../config.js';

type Own = Pick<Settings, 'mode' | 'workload' | 'nodeName' | 'clusterId' | 'network'>;

export function localWorkloads(snapshot: Snapshot, own: Own): readonly Workload[] {
  const isOurs = own.mode === 'dedicated' ? isNamed : isOnNode;
  return [...snapshot.workloads()].filter((workload) => isOfThisCluster(workload, own) && isOurs(workload, own));
}

/** The local workload of that name. */
export function findLocal(locals: readonly Workload[], { namespace, name }: WorkloadName): Workload | undefined {
  return locals.find((workload) => workload.namespace === namespace && workload.name === name);
}

/**
 * Whose a captured connection is, by the address that is this end's: the client's of an outbound one, the called one's of
 * an inbound one. A dedicated proxy is in the namespace of its one workload, so whatever is there is that one's (ztunnel).
 */
export function localAt(
  locals: readonly Workload[],
  ip: string,
  { mode }: Pick<Settings, 'mode'>,
): Workload | undefined {
  return mode === 'dedicated' ? locals[0] : locals.find(({ addresses }) => addresses.includes(ip));
}

/** Names of nodes and pods mean something within one cluster only. */
function isOfThisCluster({ clusterId, network }: Workload, own: Own): boolean {
  return clusterId === own.clusterId && network === own.network;
}

function isNamed({ namespace, name, serviceAccount }: Workload, { workload }: Own): boolean {
  return workload?.namespace === namespace && workload.name === name && workload.serviceAccount === serviceAccount;
}

/** Waypoints and gateways end HBONE themselves; host-network pods share an address that is not theirs alone. */
function isOnNode({ node, tunnelProtocol, nativeTunnel, networkMode }: Workload, { nodeName }: Own): boolean {
  const isHere = nodeName === undefined || node === nodeName;
  return isHere && tunnelProtocol === 'hbone' && !nativeTunnel && networkMode === 'standard';
}
