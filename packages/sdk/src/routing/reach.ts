/**
 * Ways to the proxies between: the gateway that leads to another network, and the waypoint that stands before a
 * destination. Each answer is a hop with its expected identities, or the reason there is none.
 */
import type { GatewayAddress, Service, Workload } from '../discovery/model.js';
import type { Obstacle, Unreachable } from './balance.js';
import { identitiesOf } from './identities.js';
import { type Dial, dial, locate, type Viewpoint } from './locate.js';
import type { Candidate, Hop } from './plan.js';
import { dereference } from './reference.js';

/** The way to another network. */
export interface GatewayWay {
  readonly kind: 'elsewhere';
  readonly gateway: Hop;
}

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

/** The way to a workload of another network. Gateways are dialled by their own address, whatever network that is on. */
export function wayElsewhere(view: Viewpoint, { networkGateway }: Workload): GatewayWay | Obstacle {
  if (!networkGateway) return { reason: 'on another network, names no network gateway', fault: 'NO_GATEWAY' };
  const target = locate(view, networkGateway, (gateway, service) => dial(gateway, service, addressOf(networkGateway)));
  if (target.kind === 'none') {
    return { reason: `on another network, whose gateway is out of reach: ${target.reason}`, fault: 'NO_GATEWAY' };
  }
  const { workload, way, port } = target;
  const gateway: Hop = { address: { host: way.host, port }, expected: way.expected, workload };
  return { kind: 'elsewhere', gateway };
}

const OBSTACLE = {
  notServed: { reason: 'on another network, where the destination is not served', fault: 'UNKNOWN_WAYPOINT' },
  noIdentity: { reason: 'on another network, and no identity is known for it', fault: 'UNKNOWN_WAYPOINT' },
} as const satisfies Record<string, Obstacle>;

/**
 * The way to the waypoint of a service, or of a workload when `service` is absent.
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
  const expected = known ? identitiesOf(known.workloads, known.service) : [];
  const served = asked.service ? networksServing(view, asked.service) : new Set<string>();
  const target = locate<Dial | GatewayWay>(view, reference, (workload, service) => {
    if (workload.network === view.network) return dial(workload, service, addressOf(reference) ?? asked.originalIp);
    if (!served.has(workload.network)) return OBSTACLE.notServed;
    return expected.length === 0 ? OBSTACLE.noIdentity : wayElsewhere(view, workload);
  });
  if (target.kind === 'none') return target;
  const { workload, way, port, candidates } = target;
  if (way.kind === 'elsewhere') return { ...way, expected, workload, candidates };
  const hop: Hop = { address: { host: way.host, port }, expected: way.expected, workload };
  return { kind: 'here', hop, workload, candidates };
}

/** A reference by address plays the part of the address asked for, so the family follows the reference. */
function addressOf({ destination }: GatewayAddress): string | undefined {
  return destination.kind === 'address' ? destination.address.ip : undefined;
}

function networksServing(view: Viewpoint, service: Service): ReadonlySet<string> {
  const served = view.snapshot.endpoints(service.key).filter(({ healthy, capacity }) => healthy && capacity > 0);
  return new Set(served.map(({ network }) => network));
}
