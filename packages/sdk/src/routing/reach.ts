/**
 * Ways to a next hop: the address a workload is dialled on, the gateway that leads to another network, the waypoint that
 * stands before a destination. Each answer is a hop with its expected identities, or the reason there is none.
 *
 * Never answers a hop that nobody could prove to be: an empty expected list is an obstacle, not a hop.
 */
import type { GatewayAddress, Service, Snapshot, Workload } from '../discovery/model.js';
import type { FaultCode } from '../wire/faults.js';
import { balance, type Obstacle } from './balance.js';
import { expectedAt, identitiesOf } from './identities.js';
import { ipFamily } from './ip.js';
import type { Candidate, Hop } from './plan.js';
import { dereference, describeReference } from './reference.js';

/** Who plans: everything a choice depends on besides the destination. */
export interface Viewpoint {
  readonly snapshot: Snapshot;
  /** Whose locality counts for routing preferences. */
  readonly source?: Workload | undefined;
  /** Own network. */
  readonly network: string;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface Unreachable {
  readonly kind: 'none';
  readonly fault: FaultCode;
  readonly reason: string;
  readonly candidates: readonly Candidate[];
}

export type GatewayReach = Unreachable | { readonly kind: 'found'; readonly hop: Hop };

export type WaypointReach =
  | Unreachable
  /** On our network: dialled directly. */
  | { readonly kind: 'here'; readonly hop: Hop; readonly workload: Workload; readonly candidates: readonly Candidate[] }
  /** On another network: behind that network's gateway, and provably one of `expected`. */
  | {
      readonly kind: 'elsewhere';
      readonly gateway: Hop;
      readonly expected: readonly string[];
      readonly workload: Workload;
      readonly candidates: readonly Candidate[];
    };

/**
 * The IP to dial: the one asked for when it is the workload's own, else the first that the service's IP families allow,
 * in the family asked for if there is one.
 */
export function dialledIp(
  workload: Workload,
  {
    originalIp,
    families = 'automatic',
  }: { readonly originalIp?: string | undefined; readonly families?: Service['ipFamilies'] },
): string | undefined {
  if (originalIp !== undefined && workload.addresses.includes(originalIp)) return originalIp;
  const anyFamily = families === 'automatic' || families === 'dual';
  const allowed = workload.addresses.filter((ip) => anyFamily || ipFamily(ip) === families);
  const sameFamily = originalIp === undefined ? undefined : allowed.find((ip) => ipFamily(ip) === ipFamily(originalIp));
  return sameFamily ?? allowed[0];
}

/** The hop to the gateway of another network. Gateways are dialled by their own address, whatever network that is on. */
export function reachGateway(view: Viewpoint, reference: GatewayAddress): GatewayReach {
  const target = locate(view, reference, {});
  if (target.kind === 'none') return { ...target, fault: 'NO_GATEWAY' };
  const { workload, service, port } = target;
  const hop = hopTo(workload, service, port, originalOf(reference));
  return hop
    ? { kind: 'found', hop }
    : unreachable(
        'NO_GATEWAY',
        `network gateway ${workload.uid} has no address or no valid identity`,
        target.candidates,
      );
}

/**
 * The hop to the waypoint of a service, or of a workload when `service` is absent.
 *
 * A waypoint on another network counts only when the service itself is served there. ztunnel looks at the waypoint's
 * endpoints alone, so a service kept local behind a waypoint that is global can leave its cluster; its record on that
 * network is what says that it may.
 */
export function reachWaypoint(
  view: Viewpoint,
  reference: GatewayAddress,
  asked: { readonly service?: Service | undefined; readonly originalIp?: string | undefined },
): WaypointReach {
  const known = dereference(view.snapshot, reference);
  if (!known) return unreachable('UNKNOWN_WAYPOINT', `unknown waypoint ${describeReference(reference)}`, []);
  const expected = identitiesOf(known.workloads, known.service);
  const ways = new Map<Workload, Hop>();
  const served = asked.service ? networksServing(view, asked.service) : new Set<string>();
  const obstacle = (workload: Workload): Obstacle | undefined => {
    if (workload.network === view.network) return undefined;
    if (!served.has(workload.network)) return WAYPOINT_OBSTACLE.notServed;
    if (expected.length === 0) return WAYPOINT_OBSTACLE.noIdentity;
    const way = workload.networkGateway && reachGateway(view, workload.networkGateway);
    if (way?.kind !== 'found') return noGateway(way);
    ways.set(workload, way.hop);
    return undefined;
  };
  const target = locate(view, reference, { network: view.network, obstacle });
  if (target.kind === 'none') return target;
  const { workload, service, port, candidates } = target;
  const gateway = ways.get(workload);
  if (gateway) return { kind: 'elsewhere', gateway, expected, workload, candidates };
  const hop = hopTo(workload, service, port, originalOf(reference) ?? asked.originalIp);
  return hop
    ? { kind: 'here', hop, workload, candidates }
    : unreachable('UNKNOWN_WAYPOINT', `waypoint ${workload.uid} has no address or no valid identity`, candidates);
}

const WAYPOINT_OBSTACLE = {
  notServed: { reason: 'on another network where the destination is not served', fault: 'UNKNOWN_WAYPOINT' },
  noIdentity: { reason: 'on another network and no identity is known for it', fault: 'UNKNOWN_WAYPOINT' },
} as const satisfies Record<string, Obstacle>;

/** An endpoint on another network to which no gateway leads, or whose gateway cannot be used. */
export function noGateway(way: Unreachable | undefined): Obstacle {
  const why = way ? way.reason : 'it names no network gateway';
  return { reason: `on another network: ${why}`, fault: 'NO_GATEWAY' };
}

export type Located =
  | Unreachable
  | {
      readonly kind: 'found';
      readonly workload: Workload;
      readonly service: Service | undefined;
      /** The reference's port as that workload maps it; literal when the reference named a workload. */
      readonly port: number;
      readonly candidates: readonly Candidate[];
    };

/** Chooses one workload behind a reference. */
export function locate(
  view: Viewpoint,
  reference: GatewayAddress,
  limits: { readonly network?: string; readonly obstacle?: (workload: Workload) => Obstacle | undefined },
): Located {
  const known = dereference(view.snapshot, reference);
  if (!known) return unreachable('UNKNOWN_WAYPOINT', `nothing is known at ${describeReference(reference)}`, []);
  const { service, workloads } = known;
  if (!service) return single(workloads, reference, limits);
  const choice = balance({
    service,
    servicePort: reference.hboneMtlsPort,
    endpoints: workloads,
    source: view.source,
    resolution: 'waypoint',
    random: view.random,
    ...limits,
  });
  return choice.kind === 'none'
    ? choice
    : { kind: 'found', workload: choice.workload, service, port: choice.targetPort, candidates: choice.candidates };
}

/** A reference to a workload leaves nothing to choose, and its port is literal. */
function single(
  workloads: readonly Workload[],
  reference: GatewayAddress,
  { obstacle }: { readonly obstacle?: (workload: Workload) => Obstacle | undefined },
): Located {
  const [workload] = workloads;
  if (!workload) return unreachable('UNKNOWN_WAYPOINT', `nothing is known at ${describeReference(reference)}`, []);
  const { uid } = workload;
  const blocked = workload.healthy
    ? obstacle?.(workload)
    : { reason: 'not healthy', fault: 'NO_HEALTHY_UPSTREAM' as const };
  if (blocked) {
    const candidates: Candidate[] = [{ uid, verdict: 'passed-over', reason: blocked.reason }];
    return unreachable(blocked.fault, `${describeReference(reference)} cannot be used: ${blocked.reason}`, candidates);
  }
  const candidates: Candidate[] = [{ uid, verdict: 'taken', reason: 'referenced directly' }];
  return { kind: 'found', workload, service: undefined, port: reference.hboneMtlsPort, candidates };
}

function hopTo(
  workload: Workload,
  service: Service | undefined,
  port: number,
  originalIp: string | undefined,
): Hop | undefined {
  const host =
    dialledIp(workload, { originalIp, ...(service && { families: service.ipFamilies }) }) ?? workload.hostname;
  const expected = expectedAt(workload, service);
  return host === '' || expected.length === 0 ? undefined : { address: { host, port }, expected, workload };
}

/** A reference by address plays the part of the address asked for, so the family follows the reference. */
function originalOf({ destination }: GatewayAddress): string | undefined {
  return destination.kind === 'address' ? destination.address.ip : undefined;
}

function networksServing(view: Viewpoint, service: Service): ReadonlySet<string> {
  const served = view.snapshot.endpoints(service.key).filter(({ healthy, capacity }) => healthy && capacity > 0);
  return new Set(served.map(({ network }) => network));
}

function unreachable(fault: FaultCode, reason: string, candidates: readonly Candidate[]): Unreachable {
  return { kind: 'none', fault, reason, candidates };
}
