/**
 * Choosing the workload behind a reference, and dialling a workload: the address to connect to and who must answer there.
 *
 * Never answers an address where nobody could prove anything: an empty expected list is an obstacle.
 */
import type { GatewayAddress, Service, Snapshot, Workload } from '../discovery/model.js';
import { balance, type Chosen, isObstacle, type Obstacle, type Unreachable } from './balance.js';
import { expectedAt } from './identities.js';
import { ipFamily } from './ip.js';
import type { Candidate } from './plan.js';
import { dereference, describeReference } from './reference.js';
import type { Observe, Step } from './steps.js';

/** Who plans: everything a choice depends on besides the destination. */
export interface Viewpoint {
  readonly snapshot: Snapshot;
  /** Whose place counts for routing preferences. */
  readonly source?: Workload | undefined;
  /** Own network. */
  readonly network: string;
  /** In [0, 1). */
  readonly random: () => number;
  /** Hears of each decision. */
  readonly observe?: Observe | undefined;
}

/** Where one workload is dialled, and who may answer. */
export interface Dial {
  readonly kind: 'here';
  readonly host: string;
  readonly expected: readonly string[];
}

/** One workload behind a reference. */
export interface Found<Way> {
  readonly workload: Workload;
  readonly way: Way;
  /** The reference's port as that workload maps it; literal when the reference named a workload. */
  readonly port: number;
}

export interface Located<Way> extends Found<Way> {
  readonly kind: 'found';
  readonly candidates: readonly Candidate[];
  /** The chosen one, then who could stand in for it, best first. */
  inOrder(): Iterable<Found<Way>>;
}

const OBSTACLE = {
  noAddress: { reason: 'has no address that the service allows', fault: 'NO_HEALTHY_UPSTREAM' },
  noIdentity: { reason: 'has no valid identity to expect', fault: 'NO_HEALTHY_UPSTREAM' },
  unhealthy: { reason: 'not healthy', fault: 'NO_HEALTHY_UPSTREAM' },
} as const satisfies Record<string, Obstacle>;

/**
 * The IP to dial: the one asked for when it is the workload's own, else the first that the service's IP families allow,
 * in the family asked for if there is one.
 */
export function dialledIp(
  workload: Workload,
  originalIp: string | undefined,
  families: Service['ipFamilies'] = 'automatic',
): string | undefined {
  if (originalIp !== undefined && workload.addresses.includes(originalIp)) return originalIp;
  const anyFamily = families === 'automatic' || families === 'dual';
  const allowed = workload.addresses.filter((ip) => anyFamily || ipFamily(ip) === families);
  const sameFamily = originalIp === undefined ? undefined : allowed.find((ip) => ipFamily(ip) === ipFamily(originalIp));
  return sameFamily ?? allowed[0];
}

export function dial(
  workload: Workload,
  service: Service | undefined,
  originalIp: string | undefined,
): Dial | Obstacle {
  const host = dialledIp(workload, originalIp, service?.ipFamilies) ?? workload.hostname;
  if (host === '') return OBSTACLE.noAddress;
  const expected = expectedAt(workload, service);
  return expected.length === 0 ? OBSTACLE.noIdentity : { kind: 'here', host, expected };
}

/** Chooses among the workloads behind a reference those that `wayTo` finds a way to. */
export function locate<Way extends object>(
  view: Viewpoint,
  what: Step['what'] & ('waypoint' | 'gateway'),
  reference: GatewayAddress,
  wayTo: (workload: Workload, service: Service | undefined) => Way | Obstacle,
): Located<Way> | Unreachable {
  const found = choose(view, reference, wayTo);
  view.observe?.({
    what,
    subject: describeReference(reference),
    outcome: found.kind === 'none' ? found.reason : `${found.workload.uid} on port ${found.port}`,
    candidates: found.candidates,
  });
  return found;
}

function choose<Way extends object>(
  view: Viewpoint,
  reference: GatewayAddress,
  wayTo: (workload: Workload, service: Service | undefined) => Way | Obstacle,
): Located<Way> | Unreachable {
  const known = dereference(view.snapshot, reference);
  if (!known) return unknown(reference);
  const { service, workloads } = known;
  if (!service) return single(reference, workloads[0], (workload) => wayTo(workload, undefined));
  const choice = balance({
    service,
    servicePort: reference.hboneMtlsPort,
    endpoints: workloads,
    source: view.source,
    resolution: 'waypoint',
    wayTo: (workload) => wayTo(workload, service),
    random: view.random,
  });
  if (choice.kind === 'none') return choice;
  const { workload, way, targetPort: port, candidates } = choice;
  return { kind: 'found', workload, way, port, candidates, inOrder: () => found(choice) };
}

function* found<Way>(choice: Chosen<Way>): Iterable<Found<Way>> {
  for (const { workload, way, targetPort: port } of choice.inOrder()) yield { workload, way, port };
}

/** A reference to a workload leaves nothing to choose: no weight, no preference, and the port is literal. */
function single<Way extends object>(
  reference: GatewayAddress,
  workload: Workload | undefined,
  wayTo: (workload: Workload) => Way | Obstacle,
): Located<Way> | Unreachable {
  if (!workload) return unknown(reference);
  const { uid } = workload;
  const way = workload.healthy ? wayTo(workload) : OBSTACLE.unhealthy;
  if (isObstacle(way)) {
    const reason = `${describeReference(reference)} cannot be used: ${way.reason}`;
    return {
      kind: 'none',
      fault: way.fault,
      reason,
      candidates: [{ uid, verdict: 'passed-over', reason: way.reason }],
    };
  }
  const candidates: Candidate[] = [{ uid, verdict: 'taken', reason: 'referenced directly' }];
  const only = { workload, way, port: reference.hboneMtlsPort };
  return { kind: 'found', ...only, candidates, inOrder: () => [only] };
}

function unknown(reference: GatewayAddress): Unreachable {
  const reason = `nothing is known at ${describeReference(reference)}`;
  return { kind: 'none', fault: 'UNKNOWN_WAYPOINT', reason, candidates: [] };
}
