/**
 * Ways to the proxies between: the gateway that leads to another network, and the waypoint that stands before a
 * destination. Each answer is a hop with its expected identities, or the reason there is none.
 */
import type { GatewayAddress, Service, Workload } from '../discovery/model.js';
import { PORT } from '../wire/ports.js';
import { isObstacle, type Obstacle, type Unreachable } from './balance.js';
import { identitiesOf } from './identities.js';
import { type Dial, dial, type Located, locate, type Viewpoint } from './locate.js';
import type { Candidate, Hop } from './plan.js';
import { dereference } from './reference.js';

/** The way to another network. */
export interface GatewayWay {
  readonly kind: 'elsewhere';
  /** The gateway drawn, then the others behind the same reference, best first. */
  gateways(): Iterable<Hop>;
}

/** On our network: dialled directly. */
export interface WaypointHere {
  readonly kind: 'here';
  readonly hop: Hop;
  readonly workload: Workload;
}

export type WaypointWay =
  | WaypointHere
  /** On another network: behind that network's gateway, and provably one of `expected`. */
  | {
      readonly kind: 'elsewhere';
      readonly gateway: Hop;
      readonly expected: readonly string[];
      readonly workload: Workload;
    };

export interface WaypointReach {
  readonly kind: 'reached';
  readonly candidates: readonly Candidate[];
  /** The way chosen, then those that could stand in for it, best first. */
  readonly ways: Iterable<WaypointWay>;
}

/** The way to a workload of another network. Gateways are dialled by their own address, whatever network that is on. */
export function wayElsewhere(view: Viewpoint, { networkGateway }: Workload): GatewayWay | Obstacle {
  if (!networkGateway) return { reason: 'on another network, names no network gateway', fault: 'NO_GATEWAY' };
  const target = locate(view, 'gateway', networkGateway, (gateway, service) =>
    dial(gateway, service, addressOf(networkGateway)),
  );
  if (target.kind === 'none') {
    return { reason: `on another network, whose gateway is out of reach: ${target.reason}`, fault: 'NO_GATEWAY' };
  }
  return { kind: 'elsewhere', gateways: () => hops(target) };
}

/**
 * Gateways of that network besides the one that all records name. istiod lets them name the first and tells of the others
 * by records of their own: another is as good when that one is gone. A control plane that names several has said by its
 * records how near each is and how much of the load is its, so nothing is added.
 */
export function* spareGateways(view: Viewpoint, network: string, records: readonly Workload[]): Iterable<Hop> {
  const behind = records.filter((record) => record.network === network);
  const named = new Set(behind.flatMap(({ networkGateway }) => (networkGateway && addressOf(networkGateway)) ?? []));
  // None: named by a hostname, which stands for all of them.
  if (named.size !== 1) return;
  for (const gateway of view.snapshot.networkGateways(network)) {
    if (!gateway.healthy || gateway.addresses.some((ip) => named.has(ip))) continue;
    const way = dial(gateway, undefined, undefined);
    if (!isObstacle(way)) yield hopTo(gateway, way, hbonePortOf(gateway));
  }
}

/** The end of its uid; 0 where its record says nothing, and then it is the port of HBONE. */
function hbonePortOf({ uid }: Workload): number {
  return Number(/\/(\d{1,5})$/.exec(uid)?.[1] ?? 0) || PORT.hbone;
}

function* hops(target: Located<Dial>): Iterable<Hop> {
  for (const { workload, way, port } of target.inOrder()) yield hopTo(workload, way, port);
}

function hopTo(workload: Workload, { host, expected }: Dial, port: number): Hop {
  return { address: { host, port }, expected, workload };
}

const OBSTACLE = {
  elsewhere: { reason: 'on another network, where only services are asked for', fault: 'UNKNOWN_WAYPOINT' },
  notServed: { reason: 'on another network, where the destination is not served', fault: 'UNKNOWN_WAYPOINT' },
  noIdentity: { reason: 'on another network, and no identity is known for it', fault: 'UNKNOWN_WAYPOINT' },
} as const satisfies Record<string, Obstacle>;

/** The waypoint on our own network: what has no name to be asked for by cannot cross to another. */
export function reachWaypointHere(
  view: Viewpoint,
  reference: GatewayAddress,
  originalIp?: string,
): Unreachable | (WaypointHere & { readonly candidates: readonly Candidate[] }) {
  const target = locate<Dial>(view, 'waypoint', reference, (workload, service) =>
    workload.network === view.network
      ? dial(workload, service, addressOf(reference) ?? originalIp)
      : OBSTACLE.elsewhere,
  );
  if (target.kind === 'none') return target;
  const { workload, way, port, candidates } = target;
  return { kind: 'here', hop: hopTo(workload, way, port), workload, candidates };
}

/**
 * The ways to the waypoint of a service.
 *
 * A waypoint on another network counts only when the service itself is served there. ztunnel looks at the waypoint's
 * endpoints alone, so a service kept local behind a waypoint that is global can leave its cluster; its record on that
 * network is what says that it may.
 */
export function reachWaypoint(
  view: Viewpoint,
  reference: GatewayAddress,
  asked: { readonly service: Service; readonly originalIp?: string | undefined },
): WaypointReach | Unreachable {
  const known = dereference(view.snapshot, reference);
  const expected = known ? identitiesOf(known.workloads, known.service) : [];
  const served = networksServing(view, asked.service);
  const target = locate<Dial | GatewayWay>(view, 'waypoint', reference, (workload, service) => {
    if (workload.network === view.network) return dial(workload, service, addressOf(reference) ?? asked.originalIp);
    if (!served.has(workload.network)) return OBSTACLE.notServed;
    return expected.length === 0 ? OBSTACLE.noIdentity : wayElsewhere(view, workload);
  });
  if (target.kind === 'none') return target;
  return {
    kind: 'reached',
    candidates: target.candidates,
    ways: waysTo(view, target, expected, known?.workloads ?? []),
  };
}

function* waysTo(
  view: Viewpoint,
  target: Located<Dial | GatewayWay>,
  expected: readonly string[],
  records: readonly Workload[],
): Iterable<WaypointWay> {
  const elsewhere = new Map<string, Workload>();
  for (const { workload, way, port } of target.inOrder()) {
    if (way.kind === 'here') yield { kind: 'here', hop: hopTo(workload, way, port), workload };
    else {
      if (!elsewhere.has(workload.network)) elsewhere.set(workload.network, workload);
      for (const gateway of way.gateways()) yield { kind: 'elsewhere', gateway, expected, workload };
    }
  }
  for (const [network, workload] of elsewhere) {
    for (const gateway of spareGateways(view, network, records))
      yield { kind: 'elsewhere', gateway, expected, workload };
  }
}

/** A reference by address plays the part of the address asked for, so the family follows the reference. */
function addressOf({ destination }: GatewayAddress): string | undefined {
  return destination.kind === 'address' ? destination.address.ip : undefined;
}

function networksServing(view: Viewpoint, service: Service): ReadonlySet<string> {
  const served = view.snapshot.endpoints(service.key).filter(({ healthy, capacity }) => healthy && capacity > 0);
  return new Set(served.map(({ network }) => network));
}
