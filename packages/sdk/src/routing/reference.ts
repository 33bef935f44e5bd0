/**
 * What a `GatewayAddress` of the registry means: a service with its workloads, or one workload. The same reading tells
 * where a waypoint or a network gateway is dialled and who may call itself one.
 *
 * A workload on the address beats a service that merely has a block around it: references name hosts, not blocks.
 */
import type { GatewayAddress, Service, Snapshot, WeightedWaypoint, Workload } from '../discovery/model.js';
import { formatSocketAddress } from './authority.js';
import { identitiesOf } from './identities.js';
import { workloadByAddress } from './lookup.js';

/** What may be bound to waypoints: a service, or a workload. */
export type Bound = Pick<Service, 'waypoint' | 'weightedWaypoints'>;

export interface Referenced {
  /** Set when the reference named a service; its port table then maps the reference's port. */
  readonly service?: Service;
  /** Everyone who stands behind the reference, healthy or not, here or behind a gateway. */
  readonly workloads: readonly Workload[];
}

export function dereference(snapshot: Snapshot, reference: GatewayAddress): Referenced | undefined {
  const service = serviceOf(snapshot, reference);
  if (service) return { service, workloads: snapshot.endpoints(service.key) };
  const workload = workloadOf(snapshot, reference);
  return workload && { workloads: [workload] };
}

/** For reasons: the reference as an operator would write it. */
export function describeReference({ destination, hboneMtlsPort }: GatewayAddress): string {
  return destination.kind === 'hostname'
    ? `${destination.name.namespace}/${destination.name.hostname}:${hboneMtlsPort}`
    : `${formatSocketAddress(destination.address.ip, hboneMtlsPort)} on network ${JSON.stringify(destination.address.network)}`;
}

/**
 * Every waypoint the destination's owner names, weight 0 and the one that weights replace included: while weights shift,
 * clients that have not heard of it yet still send to the old one.
 */
export function waypointsOf({ waypoint, weightedWaypoints = [] }: Bound): readonly GatewayAddress[] {
  const weighted = weightedWaypoints.map(({ destination }) => destination);
  return waypoint ? [...weighted, waypoint] : weighted;
}

/** The waypoint of one connection: drawn by weight where there are weights. */
export function drawWaypoint(bound: Bound, random: () => number): GatewayAddress | undefined {
  const weighted = weightsOf(bound);
  if (weighted.length === 0) return bound.waypoint;
  let left = random() * weighted.reduce((sum, { weight }) => sum + weight, 0);
  const drawn = weighted.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return (drawn ?? weighted.at(-1))?.destination;
}

/** Whether that very workload is a waypoint of the destination. */
export function isWaypointOf(snapshot: Snapshot, workload: Workload, bound: Bound | undefined): boolean {
  if (!bound) return false;
  const stands = (reference: GatewayAddress) =>
    dereference(snapshot, reference)?.workloads.some(({ uid }) => uid === workload.uid) ?? false;
  return waypointsOf(bound).some(stands);
}

/** SPIFFE URIs of the destination's waypoints, here and, as far as their service declares them, elsewhere. */
export function waypointIdentities(snapshot: Snapshot, bound: Bound): readonly string[] {
  return waypointsOf(bound).flatMap((reference) => {
    const referenced = dereference(snapshot, reference);
    return referenced ? identitiesOf(referenced.workloads, referenced.service) : [];
  });
}

function weightsOf({ weightedWaypoints = [] }: Bound): readonly WeightedWaypoint[] {
  return weightedWaypoints.filter(({ weight }) => weight > 0);
}

function serviceOf(snapshot: Snapshot, { destination }: GatewayAddress): Service | undefined {
  if (destination.kind === 'hostname') {
    return snapshot.service(`${destination.name.namespace}/${destination.name.hostname}`);
  }
  const { network, ip } = destination.address;
  const exact = (service: Service) => service.addresses.some((vip) => vip.network === network && vip.ip === ip);
  const services = snapshot.servicesByAddress(network, ip).filter(exact);
  return services.find((service) => service.canonical) ?? services[0];
}

function workloadOf(snapshot: Snapshot, { destination }: GatewayAddress): Workload | undefined {
  return destination.kind === 'hostname'
    ? snapshot.workloadByHostname(destination.name.namespace, destination.name.hostname)
    : workloadByAddress(snapshot, destination.address.network, destination.address.ip);
}
