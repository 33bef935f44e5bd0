/**
 * Where a CONNECT that reached a local workload goes: always to that workload, on the port the authority means.
 *
 * Bounds: an address must be the workload's own, unless the workload is a waypoint or has an application tunnel; a name
 * must be a service; a proxy's own port is never a destination. What comes from another network must name a service of
 * this workload: pod addresses do not cross networks, and neither do services that the gateway did not export.
 */
import type { Service, Snapshot, Workload } from '../discovery/model.js';
import { ILLEGAL_PORTS } from '../wire/ports.js';
import { type Authority, formatAuthority, formatSocketAddress, parseAuthority } from './authority.js';
import { parseForwardedHost } from './forwarded.js';
import { ipFamily, plainIp } from './ip.js';
import { bestService, portOf, workloadByAddress } from './lookup.js';
import { isFromAnotherNetwork } from './networks.js';
import type { AnnouncedDestination, DirectPlan, RefusePlan } from './plan.js';
import { isWaypointOf } from './reference.js';
import { refuse } from './refusal.js';

export interface InboundRequest {
  /** The workload whose address was dialled. */
  readonly local: Workload;
  /** That address, as the socket tells it; IPv4-mapped IPv6 is understood. */
  readonly localAddress: string;
  /** Own network. */
  readonly network: string;
  /** The CONNECT's, as received. */
  readonly authority: string | undefined;
  /** SPIFFE URI of the verified client; names it in refusals. */
  readonly peerIdentity: string;
  /** Value of `x-forwarded-network`. */
  readonly forwardedNetwork?: string | undefined;
  /** First line of `forwarded`; tells telemetry which of the workload's services was meant, decides nothing. */
  readonly forwarded?: string | undefined;
}

/** A port of the workload, and the service that was meant, if one was. */
interface Meant {
  readonly kind: 'meant';
  readonly port: number;
  readonly service?: Service | undefined;
}

export function planInbound(snapshot: Snapshot, received: InboundRequest): DirectPlan | RefusePlan {
  const request = { ...received, localAddress: plainIp(received.localAddress) ?? received.localAddress };
  const reading = parseAuthority(request.authority);
  if (!reading.ok) return refuse('BAD_AUTHORITY', `${reading.reason}, asked by ${request.peerIdentity}`);
  const { authority } = reading;
  const meant =
    authority.kind === 'hostname'
      ? meantByName(snapshot, request, authority)
      : meantByAddress(snapshot, request, authority);
  if (meant.kind === 'refuse') return meant;
  return toLocal(request, authority, meant);
}

function toLocal(request: InboundRequest, authority: Authority, { port, service }: Meant): DirectPlan | RefusePlan {
  const { local, localAddress, peerIdentity } = request;
  const known = { candidates: [], ...(service && { service }) };
  if (ILLEGAL_PORTS.has(port)) {
    const asked = formatAuthority(authority);
    return refuse('RECURSIVE_CALL', `${asked} is a port of the proxy itself, asked by ${peerIdentity}`, known);
  }
  const tunnel = local.applicationTunnel;
  const final = tunnel && tunnel.port > 0 ? tunnel.port : port;
  const plan = { kind: 'direct', address: { host: localAddress, port: final }, destination: local, ...known } as const;
  if (tunnel?.protocol !== 'proxy') return plan;
  const announced = announcedDestination(request, authority, service);
  return announced
    ? { ...plan, announced }
    : refuse('UNKNOWN_DESTINATION', `${formatAuthority(authority)} has no address to announce to ${local.uid}`, known);
}

/** An application told by the PROXY protocol is told an address; a name stands for the service's, our network's and IPv4 first. */
function announcedDestination(
  { network }: InboundRequest,
  authority: Authority,
  service: Service | undefined,
): AnnouncedDestination | undefined {
  const { port } = authority;
  if (authority.kind === 'address') return { address: { host: authority.ip, port } };
  const hosts = (service?.addresses ?? []).filter(({ length }) => length === undefined);
  const near = hosts.filter((address) => address.network === network);
  const candidates = near.length > 0 ? near : hosts;
  const vip = candidates.find(({ ip }) => ipFamily(ip) === 'ipv4') ?? candidates[0];
  return vip && { address: { host: vip.ip, port }, hostname: authority.hostname };
}

function meantByAddress(
  snapshot: Snapshot,
  request: InboundRequest,
  { ip, port }: Extract<Authority, { kind: 'address' }>,
): Meant | RefusePlan {
  const { local, network } = request;
  const asked = `${formatSocketAddress(ip, port)}, asked by ${request.peerIdentity}`;
  if (isFromAnotherNetwork(request.forwardedNetwork, network)) {
    return refuse('AUTHORITY_NOT_LOCAL', `addresses do not cross networks: ${asked}`);
  }
  const own = ip === request.localAddress || local.addresses.includes(ip) || local.applicationTunnel !== undefined;
  if (!own && !isWaypointFor(snapshot, request, ip)) {
    return refuse('AUTHORITY_NOT_LOCAL', `${request.localAddress} (${local.uid}) is not ${asked}`);
  }
  return { kind: 'meant', port, service: ownServiceOn(snapshot, request, port) };
}

/** A waypoint with a ztunnel in front of it is asked for the addresses it stands for. */
function isWaypointFor(snapshot: Snapshot, { local, network }: InboundRequest, ip: string): boolean {
  const services = snapshot.servicesByAddress(network, ip);
  const workload = workloadByAddress(snapshot, network, ip);
  return services.some((service) => isWaypointOf(snapshot, local, service)) || isWaypointOf(snapshot, local, workload);
}

/**
 * Names are read in the namespace of the workload that was dialled, as ztunnel does; of several services the one it
 * belongs to is meant. ztunnel asks for no membership, and nor does this for callers of the own network, who could name
 * the port by address just as well.
 */
function meantByName(
  snapshot: Snapshot,
  request: InboundRequest,
  { hostname, port }: Extract<Authority, { kind: 'hostname' }>,
): Meant | RefusePlan {
  const { local, network, peerIdentity } = request;
  const named = snapshot.servicesByHostname(hostname);
  const own = named.filter((it) => local.services.has(it.key) || isWaypointOf(snapshot, local, it));
  const service = bestService(own.length > 0 ? own : named, local.namespace);
  const asked = `${hostname}:${port}, asked by ${peerIdentity}`;
  if (!service) return refuse('UNKNOWN_DESTINATION', `no service is known as ${asked}`);
  if (own.length === 0 && isFromAnotherNetwork(request.forwardedNetwork, network)) {
    return refuse('AUTHORITY_NOT_LOCAL', `${local.uid} does not serve ${asked} on another network`, { service });
  }
  const target = targetPort(local, service, port);
  return target === undefined
    ? refuse('UNKNOWN_PORT', `${service.key} has no target port on ${local.uid} for ${asked}`, { service })
    : { kind: 'meant', port: target, service };
}

/** The endpoint's own mapping, then the service's target port; 0 means that nobody knows. */
function targetPort(local: Workload, service: Service, port: number): number | undefined {
  const mapped = local.services.get(service.key)?.find((row) => row.servicePort === port);
  const target = (mapped ?? portOf(service, port))?.targetPort ?? 0;
  if (target > 0) return target;
  return local.applicationTunnel && local.applicationTunnel.port > 0 ? local.applicationTunnel.port : undefined;
}

/** For telemetry: the service the client says it asked for, if the workload is in it, else the first on that port. */
function ownServiceOn(snapshot: Snapshot, { local, forwarded }: InboundRequest, port: number): Service | undefined {
  const services = [...local.services.keys()].flatMap((key) => snapshot.service(key) ?? []);
  const host = parseForwardedHost(forwarded);
  const said = host === undefined ? undefined : services.find((service) => service.hostname === host);
  return (
    said ??
    services.find((service) => service.ports.some((row) => targetPort(local, service, row.servicePort) === port))
  );
}
