/**
 * Where a captured connection of a local workload goes: ztunnel's outbound decision tree as a value.
 *
 * Bounds of what it will do: a waypoint is never gone around, an unknown name is refused, and only an address that nobody
 * in the mesh has is passed through as plain TCP.
 *
 * Differs from ztunnel where ztunnel is unsafe or blind: a service with an exact VIP wins over a workload on the same
 * address, so that its waypoint cannot be avoided; a remote waypoint may prove any known identity of that waypoint, since
 * istiod declares none on a waypoint's service; names are taken as well as addresses.
 */
import type { GatewayAddress, Service, Snapshot, Workload } from '../discovery/model.js';
import { ILLEGAL_PORTS } from '../wire/ports.js';
import { bestOf } from './alternatives.js';
import { canonicalHostname, formatSocketAddress } from './authority.js';
import { nested, planEndpoint, toWorkload } from './endpoint.js';
import { isLoopback, plainIp } from './ip.js';
import { dialledIp, type Viewpoint } from './locate.js';
import { portOf, vipOn } from './lookup.js';
import { type Asked, meaningOf } from './meaning.js';
import type { Plan, PlanBase } from './plan.js';
import { reachWaypoint, reachWaypointHere, type WaypointWay } from './reach.js';
import { drawWaypoint, isWaypointOf } from './reference.js';
import { refuse } from './refusal.js';
import type { Observe } from './steps.js';

export type OutboundTarget =
  | { readonly kind: 'address'; readonly ip: string; readonly port: number }
  | { readonly kind: 'hostname'; readonly hostname: string; readonly port: number };

export interface OutboundRequest {
  /** The workload that asks. */
  readonly source: Workload;
  /** Own network. */
  readonly network: string;
  readonly target: OutboundTarget;
  /** In [0, 1). */
  readonly random: () => number;
  /** Hears of each decision on the way to the plan; see `explainOutbound`. */
  readonly observe?: Observe | undefined;
}

interface Outbound extends Viewpoint, Asked {
  readonly source: Workload;
}

export function planOutbound(snapshot: Snapshot, request: OutboundRequest): Plan {
  const { source, network, random, target, observe } = request;
  const ip = plainIp(target.kind === 'address' ? target.ip : target.hostname);
  const hostname = target.kind === 'hostname' && ip === undefined ? canonicalHostname(target.hostname) : undefined;
  const outbound: Outbound = {
    snapshot,
    source,
    network,
    random,
    port: target.port,
    originalIp: ip,
    hostname,
    observe,
  };
  if (ip !== undefined && isLoopback(ip) && ILLEGAL_PORTS.has(target.port)) {
    return refuse('RECURSIVE_CALL', `${formatSocketAddress(ip, target.port)} is a port of the proxy itself`);
  }
  const meaning = meaningOf(outbound);
  switch (meaning.kind) {
    case 'service':
      return planService(outbound, meaning.service);
    case 'workload':
      return planWorkload(outbound, meaning.workload);
    case 'nothing':
      if (ip !== undefined) return { kind: 'direct', address: { host: ip, port: target.port }, candidates: [] };
      return refuse('UNKNOWN_DESTINATION', unknownName(target, source.namespace));
  }
}

function planService(outbound: Outbound, service: Service): Plan {
  const { snapshot, source, port, originalIp, random } = outbound;
  const waypoint = drawWaypoint(service, random);
  if (waypoint && !isWaypointOf(snapshot, source, service)) return throughWaypoint(outbound, service, waypoint);
  if (service.loadBalancing?.mode === 'passthrough') {
    const address = { host: originalIp ?? service.hostname, port };
    return { kind: 'direct', address, service, candidates: [] };
  }
  const servicePort = portOf(service, port);
  if (!servicePort) return refuse('UNKNOWN_PORT', unknownPort(service, port), { service });
  return planEndpoint(outbound, { service, servicePort, originalIp, networks: 'all' });
}

/** The port may be one the service does not list: what it means is for a waypoint on our network to say, as with ztunnel. */
function throughWaypoint(outbound: Outbound, service: Service, reference: GatewayAddress): Plan {
  const { network, port, originalIp } = outbound;
  const servicePort = portOf(service, port);
  const way = reachWaypoint(outbound, reference, { service, originalIp });
  const known = { service, ...(servicePort && { servicePort }), candidates: way.candidates };
  if (way.kind === 'none') return refuse(way.fault, `waypoint of ${service.key}: ${way.reason}`, known);
  const host = originalIp ?? vipOn(service, network) ?? service.hostname;
  return bestOf(map(way.ways, (each) => toWaypoint(each, formatSocketAddress(host, port), port, known)));
}

function toWaypoint(
  way: WaypointWay,
  authority: string,
  port: number,
  known: Pick<PlanBase, 'servicePort' | 'candidates'> & { readonly service: Service },
): Plan {
  const { workload: destination } = way;
  if (way.kind === 'here') return { kind: 'tunnel', hop: way.hop, authority, via: 'waypoint', destination, ...known };
  const { service, servicePort } = known;
  if (!servicePort) return refuse('UNKNOWN_PORT', unknownPort(service, port), known);
  return nested({ ...known, servicePort, outer: way.gateway, innerExpected: way.expected, destination });
}

function* map<T, U>(items: Iterable<T>, change: (item: T) => U): Iterable<U> {
  for (const item of items) yield change(item);
}

/** Addressed by itself: by pod IP, or by the hostname of a workload that is no service. */
function planWorkload(outbound: Outbound, workload: Workload): Plan {
  const { snapshot, source, network, port, originalIp } = outbound;
  const host = dialledIp(workload, originalIp) ?? workload.hostname;
  const candidates = [{ uid: workload.uid, verdict: 'taken', reason: 'addressed directly' }] as const;
  if (workload.network !== network || host === '') {
    const where = `${workload.uid} is on network ${JSON.stringify(workload.network)}`;
    return refuse('NO_GATEWAY', `${where}; only services are reached across networks`);
  }
  if (!workload.waypoint || isWaypointOf(snapshot, source, workload)) {
    return toWorkload({ workload, host, port, candidates });
  }
  const way = reachWaypointHere(outbound, workload.waypoint, originalIp);
  const { candidates: considered } = way;
  if (way.kind === 'none') {
    return refuse(way.fault, `waypoint of ${workload.uid}: ${way.reason}`, { candidates: considered });
  }
  const authority = formatSocketAddress(host, port);
  return {
    kind: 'tunnel',
    hop: way.hop,
    authority,
    via: 'waypoint',
    destination: way.workload,
    candidates: considered,
  };
}

function unknownName(target: OutboundTarget, namespace: string): string {
  const name = target.kind === 'hostname' ? target.hostname : target.ip;
  return `no service or workload ${JSON.stringify(name.slice(0, 253))} is visible to namespace ${namespace}`;
}

function unknownPort(service: Service, port: number): string {
  const listed = service.ports.map((row) => row.servicePort).join(', ');
  return `${service.key} does not list port ${port}; it lists ${listed || 'none'}`;
}
