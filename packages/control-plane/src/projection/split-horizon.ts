/**
 * Endpoints on other networks cannot be reached one by one; one record per service, zone and gateway stands for them. Its
 * weight is what can really take traffic there: pods that are ready and take HBONE. Its locality lets clients prefer the
 * nearer of two networks, and in one network the nearer zone. Istio counts every pod, ready or not, leaves out where they
 * are, and uses the first gateway only. Without capacity, or without a usable gateway, there is no record.
 */
import type { Locality, ServicePort, Workload } from '@isthmus/sdk/discovery';
import { addCapacity, type GatewayRecord } from '../model/index.js';
import { endpointsOf } from './endpoints.js';
import { gatewayAddress, standIn } from './gateways.js';
import type { MergedService } from './merge.js';

/** What a zone of another network can take. */
interface Zone {
  readonly network: string;
  readonly locality: Locality;
  capacity: number;
}

export function splitHorizonWorkloads(
  merged: MergedService,
  network: string,
  gateways: readonly GatewayRecord[],
): readonly Workload[] {
  if (merged.base.scope !== 'global') return [];
  return [...zonesElsewhere(merged, network)].flatMap(([remote, zones]) => {
    const usable = gateways.filter((gateway) => gateway.network === remote && gateway.usable);
    const shares = sharesOf(
      zones.map(({ capacity }) => capacity),
      usable.length,
    );
    const isAlone = zones.length === 1;
    return zones.flatMap((zone, row) =>
      usable.flatMap((gateway, column) => {
        const share = shares[row]?.[column] ?? 0;
        return share > 0 ? [splitHorizonWorkload(merged, gateway, { ...zone, capacity: share }, isAlone)] : [];
      }),
    );
  });
}

/** By network, the zones in the order of their names: which gets what is left over must not depend on who was read first. */
function zonesElsewhere({ key, parts }: MergedService, network: string): ReadonlyMap<string, readonly Zone[]> {
  const zones = new Map<string, Zone>();
  for (const { cluster } of parts) {
    for (const workload of endpointsOf(cluster, key)) {
      if (workload.network === network || !workload.healthy || workload.tunnelProtocol !== 'hbone') continue;
      const zone = zoneOf(zones, workload);
      zone.capacity = addCapacity(zone.capacity, workload.capacity);
    }
  }
  const byNetwork = new Map<string, Zone[]>();
  for (const [, zone] of [...zones].filter(([, { capacity }]) => capacity > 0).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const known = byNetwork.get(zone.network);
    if (known) known.push(zone);
    else byNetwork.set(zone.network, [zone]);
  }
  return byNetwork;
}

function zoneOf(zones: Map<string, Zone>, { network, locality: { region, zone } }: Workload): Zone {
  // No name has a line break.
  const id = `${network}\n${region}\n${zone}`;
  const known = zones.get(id) ?? { network, locality: { region, zone, subzone: '' }, capacity: 0 };
  zones.set(id, known);
  return known;
}

/**
 * Whole shares by zone and gateway. Those of a zone add up to its capacity; what does not divide goes round the gateways
 * from zone to zone, so that each gateway gets as much as any other. A gateway that would get nothing at all, because there
 * are more of them than there is capacity, gets 1 in the first zone: whoever is not told of a gateway cannot fall back on
 * it, which is worse than a small service that weighs a little more than it should.
 */
export function sharesOf(capacities: readonly number[], gateways: number): readonly (readonly number[])[] {
  if (gateways === 0) return capacities.map(() => []);
  const total = capacities.reduce((sum, capacity) => sum + capacity, 0);
  let turn = 0;
  return capacities.map((capacity, zone) => {
    const rest = capacity % gateways;
    const first = turn;
    turn = (turn + rest) % gateways;
    return Array.from({ length: gateways }, (_, gateway) => {
      const isNext = (gateway - first + gateways) % gateways < rest;
      const isLeftOut = zone === 0 && gateway >= total;
      return Math.floor(capacity / gateways) + (isNext || isLeftOut ? 1 : 0);
    });
  });
}

function splitHorizonWorkload(
  { base: { namespace, hostname, key, ports } }: MergedService,
  gateway: GatewayRecord,
  { locality, capacity }: Zone,
  isAlone: boolean,
): Workload {
  return {
    ...standIn(gateway, uidOf(gateway, { namespace, hostname }, isAlone ? undefined : locality)),
    namespace,
    tunnelProtocol: 'hbone',
    capacity,
    locality,
    networkGateway: gatewayAddress(gateway),
    // The service's own ports: the authority at the gateway is hostname and service port.
    services: new Map<string, readonly ServicePort[]>([[key, ports]]),
  };
}

/** Istio's uid, to which the place is added where a network has several. */
function uidOf(
  { network, namespace, name, address }: GatewayRecord,
  service: { readonly namespace: string; readonly hostname: string },
  place: Locality | undefined,
): string {
  const path = [network, 'SplitHorizonWorkload', namespace, name, address.value, service.namespace, service.hostname];
  return [...path, ...(place ? [`${place.region}/${place.zone}`] : [])].join('/');
}
