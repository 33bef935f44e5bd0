/**
 * Where an east-west gateway sends an outer tunnel: by the authority's `hostname:port` to one of its own network's pods,
 * or to the service's waypoint, as raw bytes to the HBONE port. The inner tunnel ends there; the gateway sees nothing of it.
 *
 * Bounds: only services of the snapshot, which our control plane limits to exported ones, and of these only what `exports`
 * lets through: an istiod tells of all; only endpoints of its own network, so that a tunnel crosses one gateway; never an address.
 *
 * `x-istio-source: waypoint` skips the destination's waypoint. Istio's gateway believes it from anyone in the mesh; here
 * it counts only from an identity that is a waypoint of that very service. `gateway` never counts: no record says which
 * identities are ingress gateways, and going through the waypoint is always safe.
 */
import type { GatewayAddress, Service, ServicePort, Snapshot } from '../discovery/model.js';
import { PORT } from '../wire/ports.js';
import { type Authority, formatAuthority, parseAuthority } from './authority.js';
import { balance, type Obstacle } from './balance.js';
import { dialledIp, type Viewpoint } from './locate.js';
import { portOf } from './lookup.js';
import type { DirectPlan, RefusePlan } from './plan.js';
import { reachWaypointHere } from './reach.js';
import { drawWaypoint, waypointIdentities } from './reference.js';
import { refuse } from './refusal.js';

export interface GatewayRequest {
  /** Own network. */
  readonly network: string;
  /** The outer CONNECT's, as received. */
  readonly authority: string | undefined;
  /** SPIFFE URI of the verified client of the outer tunnel. */
  readonly sourceIdentity: string;
  /** Value of `x-istio-source`. */
  readonly sourceRole?: string | undefined;
  /** Which services of the snapshot may be reached from other networks. Default: all. */
  readonly exports?: ((service: Service) => boolean) | undefined;
  /** In [0, 1). */
  readonly random: () => number;
}

interface Asked {
  readonly service: Service;
  readonly servicePort: ServicePort;
}

export function planGateway(snapshot: Snapshot, request: GatewayRequest): DirectPlan | RefusePlan {
  const reading = parseAuthority(request.authority);
  if (!reading.ok) return refuse('BAD_AUTHORITY', reading.reason);
  const service = exported(snapshot, reading.authority, request.exports);
  if (!service) {
    const asked = formatAuthority(reading.authority);
    return refuse('NOT_EXPORTED', `${asked} is no exported service of network ${JSON.stringify(request.network)}`);
  }
  const servicePort = portOf(service, reading.authority.port);
  if (!servicePort) {
    return refuse('UNKNOWN_PORT', `${service.key} does not list port ${reading.authority.port}`, { service });
  }
  const view: Viewpoint = { snapshot, network: request.network, random: request.random };
  const waypoint = drawWaypoint(service, request.random);
  return waypoint && !isWaypoint(snapshot, service, request)
    ? toWaypoint(view, waypoint, { service, servicePort })
    : toPod(view, { service, servicePort });
}

/** Addresses mean nothing across networks, so only a name can be exported. */
function exported(
  snapshot: Snapshot,
  authority: Authority,
  exports: GatewayRequest['exports'] = () => true,
): Service | undefined {
  if (authority.kind !== 'hostname') return undefined;
  const services = snapshot.servicesByHostname(authority.hostname).filter(exports);
  return services.find((service) => service.canonical) ?? services[0];
}

function isWaypoint(snapshot: Snapshot, service: Service, { sourceRole, sourceIdentity }: GatewayRequest): boolean {
  return sourceRole === 'waypoint' && waypointIdentities(snapshot, service).includes(sourceIdentity);
}

function toWaypoint(view: Viewpoint, reference: GatewayAddress, asked: Asked): DirectPlan | RefusePlan {
  const way = reachWaypointHere(view, reference);
  const known = { ...asked, candidates: way.candidates };
  if (way.kind === 'here') return { kind: 'direct', address: way.hop.address, destination: way.workload, ...known };
  return refuse(way.fault, `waypoint of ${asked.service.key}: ${way.reason}`, known);
}

const OBSTACLE = {
  elsewhere: { reason: 'on another network: a tunnel crosses one gateway', fault: 'NO_HEALTHY_UPSTREAM' },
  noHbone: { reason: 'does not speak HBONE', fault: 'NO_HEALTHY_UPSTREAM' },
  noIp: { reason: 'has no IP address that the service allows', fault: 'NO_HEALTHY_UPSTREAM' },
} as const satisfies Record<string, Obstacle>;

/** An even spread by capacity: whose locality would count is on another network. */
function toPod(view: Viewpoint, asked: Asked): DirectPlan | RefusePlan {
  const { service, servicePort } = asked;
  const choice = balance<{ readonly host: string }>({
    service,
    servicePort: servicePort.servicePort,
    endpoints: view.snapshot.endpoints(service.key),
    resolution: 'standard',
    wayTo: (workload) => {
      if (workload.network !== view.network) return OBSTACLE.elsewhere;
      if (workload.tunnelProtocol !== 'hbone') return OBSTACLE.noHbone;
      const host = dialledIp(workload, undefined, service.ipFamilies);
      return host === undefined ? OBSTACLE.noIp : { host };
    },
    random: view.random,
  });
  const known = { ...asked, candidates: choice.candidates };
  if (choice.kind === 'none') return refuse(choice.fault, choice.reason, known);
  const address = { host: choice.way.host, port: PORT.hbone };
  return { kind: 'direct', address, destination: choice.workload, ...known };
}
