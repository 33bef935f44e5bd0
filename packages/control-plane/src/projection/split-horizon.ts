/**
 * Endpoints on other networks cannot be reached one by one; one record per service and gateway stands for them. Its
 * weight is what can really take traffic there: pods that are ready and take HBONE. Istio counts every pod, ready or
 * not, and uses the first gateway only. Without capacity, or without a usable gateway, there is no record.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import type { GatewayRecord } from '../model/index.js';
import { endpointsOf } from './endpoints.js';
import { gatewayAddress, standIn } from './gateways.js';
import type { MergedService } from './merge.js';

export function splitHorizonWorkloads(
  merged: MergedService,
  network: string,
  gateways: readonly GatewayRecord[],
): readonly Workload[] {
  if (merged.base.scope !== 'global') return [];
  return [...capacityByNetwork(merged, network)].flatMap(([remote, capacity]) => {
    const usable = gateways.filter((gateway) => gateway.network === remote && gateway.usable);
    return usable.map((gateway, index) =>
      splitHorizonWorkload(merged, gateway, shareOf(capacity, usable.length, index)),
    );
  });
}

function capacityByNetwork({ key, parts }: MergedService, network: string): ReadonlyMap<string, number> {
  const capacities = new Map<string, number>();
  for (const { cluster } of parts) {
    for (const workload of endpointsOf(cluster, key)) {
      if (workload.network === network || !workload.healthy || workload.tunnelProtocol !== 'hbone') continue;
      capacities.set(workload.network, (capacities.get(workload.network) ?? 0) + workload.capacity);
    }
  }
  return capacities;
}

/**
 * Whole shares that add up to the capacity; the first gateways get what does not divide. None gets nothing, even where
 * there are more gateways than capacity: whoever is not told of a gateway cannot fall back on it, which is worse than
 * a small service that weighs a little more than it should.
 */
function shareOf(capacity: number, count: number, index: number): number {
  return Math.max(1, Math.floor(capacity / count) + (index < capacity % count ? 1 : 0));
}

function splitHorizonWorkload({ base }: MergedService, gateway: GatewayRecord, capacity: number): Workload {
  const { namespace, hostname, key, ports } = base;
  const path = [gateway.namespace, gateway.name, gateway.address.value, namespace, hostname];
  return {
    ...standIn(gateway, [gateway.network, 'SplitHorizonWorkload', ...path].join('/')),
    namespace,
    tunnelProtocol: 'hbone',
    capacity,
    networkGateway: gatewayAddress(gateway),
    // The service's own ports: the authority at the gateway is hostname and service port.
    services: new Map([[key, ports]]),
  };
}
