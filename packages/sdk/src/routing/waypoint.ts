/**
 * What a waypoint does with a CONNECT, in two steps: once per CONNECT which destination is meant and whether it is this
 * waypoint's to serve, then once per request (or per opaque connection) where it goes.
 *
 * Bounds: serves only destinations bound to this very waypoint; never sends to a waypoint again, so that a request meets
 * exactly one; never sends to another network what came from another network.
 */
import type { Service, ServicePort, Snapshot, Workload } from '../discovery/model.js';
import { type Authority, formatAuthority, formatSocketAddress, parseAuthority } from './authority.js';
import { planEndpoint, toWorkload } from './endpoint.js';
import { portOf, workloadByAddress } from './lookup.js';
import type { Plan, RefusePlan } from './plan.js';
import { isWaypointOf } from './reference.js';
import { refuse } from './refusal.js';

export interface WaypointRequest {
  /** The waypoint itself. */
  readonly waypoint: Workload;
  /** Own network. */
  readonly network: string;
  /** The CONNECT's, as received. */
  readonly authority: string | undefined;
}

/** What a CONNECT to a waypoint asks for. */
export type WaypointDestination =
  | {
      readonly kind: 'service';
      readonly service: Service;
      /** Its `appProtocol` says what to expect inside the tunnel. */
      readonly servicePort: ServicePort;
      /** The VIP the client asked for, when it asked by address. */
      readonly originalIp?: string;
    }
  | { readonly kind: 'workload'; readonly workload: Workload; readonly ip: string; readonly port: number };

export interface WaypointUpstreamRequest {
  readonly waypoint: Workload;
  readonly network: string;
  /** As accepted; services and workloads are looked up anew, so a long-lived tunnel follows the newest snapshot. */
  readonly destination: WaypointDestination;
  /** Whether the CONNECT came over an east-west gateway (`x-forwarded-network` names another network). */
  readonly arrival: 'local' | 'remote-network';
  /** Uids of endpoints that failed this very request already; another one is chosen, if there is one. */
  readonly avoid?: ReadonlySet<string> | undefined;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Which destination a CONNECT means, or why it is refused. */
export function planWaypoint(snapshot: Snapshot, request: WaypointRequest): WaypointDestination | RefusePlan {
  const reading = parseAuthority(request.authority);
  if (!reading.ok) return refuse('BAD_AUTHORITY', reading.reason);
  const { authority } = reading;
  const named = servicesAt(snapshot, request.network, authority);
  const service = selectService(snapshot, named, request.waypoint);
  if (service) return atService(service, authority);
  const workload = authority.kind === 'address' && workloadByAddress(snapshot, request.network, authority.ip);
  if (workload && isWaypointOf(snapshot, request.waypoint, workload)) {
    return { kind: 'workload', workload, ip: authority.ip, port: authority.port };
  }
  return notServed(authority, named, workload || undefined, request.waypoint);
}

/**
 * Of the services behind one VIP or hostname the one that is bound to this waypoint; of several the waypoint's own
 * namespace, then the canonical one, decides.
 */
function selectService(snapshot: Snapshot, named: readonly Service[], waypoint: Workload): Service | undefined {
  const bound = named.filter((service) => isWaypointOf(snapshot, waypoint, service));
  const own = bound.find((service) => service.namespace === waypoint.namespace);
  return own ?? bound.find((service) => service.canonical) ?? bound[0];
}

/** Where one request or one opaque connection goes. */
export function planWaypointUpstream(snapshot: Snapshot, request: WaypointUpstreamRequest): Plan {
  const { destination, waypoint, network, random, arrival, avoid } = request;
  if (destination.kind === 'workload') return toBoundWorkload(snapshot, destination);
  const { servicePort, originalIp } = destination;
  const service = snapshot.service(destination.service.key);
  if (!service) return refuse('UNKNOWN_DESTINATION', `${destination.service.key} is no longer known`);
  if (!isWaypointOf(snapshot, waypoint, service)) {
    return refuse('AUTHORITY_NOT_LOCAL', `${service.key} is no longer bound to waypoint ${waypoint.uid}`, { service });
  }
  if (service.loadBalancing?.mode === 'passthrough') {
    const address = { host: service.hostname, port: servicePort.servicePort };
    return { kind: 'direct', address, service, servicePort, candidates: [] };
  }
  const listed = portOf(service, servicePort.servicePort);
  if (!listed)
    return refuse('UNKNOWN_PORT', `${service.key} no longer lists port ${servicePort.servicePort}`, { service });
  const view = { snapshot, source: waypoint, network, random };
  const networks = arrival === 'local' ? 'all' : 'here';
  return planEndpoint(view, { service, servicePort: listed, originalIp, networks, avoid });
}

function servicesAt(snapshot: Snapshot, network: string, authority: Authority): readonly Service[] {
  return authority.kind === 'hostname'
    ? snapshot.servicesByHostname(authority.hostname)
    : snapshot.servicesByAddress(network, authority.ip);
}

function atService(service: Service, authority: Authority): WaypointDestination | RefusePlan {
  const servicePort = portOf(service, authority.port);
  if (!servicePort) return refuse('UNKNOWN_PORT', `${service.key} does not list port ${authority.port}`, { service });
  const originalIp = authority.kind === 'address' ? { originalIp: authority.ip } : {};
  return { kind: 'service', service, servicePort, ...originalIp };
}

function toBoundWorkload(snapshot: Snapshot, destination: Extract<WaypointDestination, { kind: 'workload' }>): Plan {
  const { ip, port } = destination;
  const workload = snapshot.workload(destination.workload.uid);
  if (!workload?.addresses.includes(ip)) {
    return refuse(
      'UNKNOWN_DESTINATION',
      `${destination.workload.uid} at ${formatSocketAddress(ip, port)} is no longer known`,
    );
  }
  const candidates = [{ uid: workload.uid, verdict: 'taken', reason: 'addressed directly' }] as const;
  return toWorkload({ workload, host: ip, port, candidates });
}

/** Says whether nobody is there or somebody else's waypoint was meant: the remedies differ. */
function notServed(
  authority: Authority,
  named: readonly Service[],
  workload: Workload | undefined,
  waypoint: Workload,
): RefusePlan {
  const who = named.map((service) => service.key).join(', ') || workload?.uid;
  const asked = formatAuthority(authority);
  return who
    ? refuse('AUTHORITY_NOT_LOCAL', `${asked} is ${who}, which is not bound to waypoint ${waypoint.uid}`)
    : refuse('UNKNOWN_DESTINATION', `waypoint ${waypoint.uid} knows no service or workload at ${asked}`);
}
