/**
 * Choosing one endpoint of a service: ztunnel's filters, modes, scopes and weights. Every endpoint leaves a candidate with
 * the reason it was taken or passed over.
 *
 * Refuses to choose what cannot be reached: the caller says how it would reach an endpoint, or what is in the way.
 * Cost is linear in the endpoints of the service; most reasons are constants, so a choice allocates a few rows per
 * endpoint and no text.
 */
import type { Service, Workload } from '../discovery/model.js';
import type { FaultCode } from '../wire/faults.js';
import { standsForNetwork } from './identities.js';
import { portOf } from './lookup.js';
import type { Candidate } from './plan.js';
import { preferred } from './preference.js';

/** Why an endpoint cannot be used, and the fault it amounts to when no endpoint is left. */
export interface Obstacle {
  readonly reason: string;
  readonly fault: FaultCode;
}

export interface BalanceInit<Way extends object> {
  readonly service: Service;
  readonly servicePort: number;
  readonly endpoints: readonly Workload[];
  /** Whose place the routing preference compares; without it preferences do not count. */
  readonly source?: Workload | undefined;
  /** A waypoint or gateway service may leave out the port when its workloads declare an application tunnel. */
  readonly resolution: 'standard' | 'waypoint';
  /** How that endpoint would be reached. Asked only about endpoints that are healthy and have capacity. */
  readonly wayTo: (workload: Workload) => Way | Obstacle;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface Unreachable {
  readonly kind: 'none';
  readonly fault: FaultCode;
  readonly reason: string;
  readonly candidates: readonly Candidate[];
}

/** An endpoint that could serve. */
export interface Open<Way> {
  readonly workload: Workload;
  readonly way: Way;
  /** 0 when the endpoint stands for another network: the port is mapped there. */
  readonly targetPort: number;
}

export interface Chosen<Way> extends Open<Way> {
  readonly kind: 'chosen';
  readonly candidates: readonly Candidate[];
  /** The chosen one, then who could serve in its place: by rank, within a rank drawn by capacity. Drawn as it is read. */
  inOrder(): Iterable<Open<Way>>;
}

const OBSTACLE = {
  unhealthy: { reason: 'not healthy', fault: 'NO_HEALTHY_UPSTREAM' },
  noCapacity: { reason: 'capacity 0', fault: 'NO_HEALTHY_UPSTREAM' },
  noPort: { reason: 'does not map the port', fault: 'UNKNOWN_PORT' },
  outOfScope: { reason: 'outside the scopes that strict routing demands', fault: 'NO_HEALTHY_UPSTREAM' },
  outranked: { reason: 'a nearer endpoint is available', fault: 'NO_HEALTHY_UPSTREAM' },
} as const satisfies Record<string, Obstacle>;

const ELIGIBLE = 'eligible, not drawn';
const TAKEN = 'drawn by capacity';

interface PassedOver {
  readonly workload: Workload;
  readonly obstacle: Obstacle;
}
type Entry<Way> = Open<Way> | PassedOver;

export function isObstacle(way: object): way is Obstacle {
  return 'fault' in way;
}

export function balance<Way extends object>(init: BalanceInit<Way>): Chosen<Way> | Unreachable {
  const considered = init.endpoints.map((workload) => consider(init, workload));
  const entries = prefer(considered, init);
  const taken = draw(entries.filter(isOpen), init.random);
  const candidates = entries.map((entry) => candidateOf(entry, taken));
  if (!taken) return { kind: 'none', ...whyNone(init, entries), candidates };
  const others = considered.filter(isOpen).filter(({ workload }) => workload !== taken.workload);
  return { kind: 'chosen', ...taken, candidates, inOrder: () => inOrder(taken, others, init) };
}

/** First the facts about the endpoint itself, then whether it can be reached, then the port. */
function consider<Way extends object>(init: BalanceInit<Way>, workload: Workload): Entry<Way> {
  const anyHealth = init.service.loadBalancing?.healthPolicy === 'allow-all';
  if (!workload.healthy && !anyHealth) return { workload, obstacle: OBSTACLE.unhealthy };
  if (workload.capacity <= 0) return { workload, obstacle: OBSTACLE.noCapacity };
  const way = init.wayTo(workload);
  if (isObstacle(way)) return { workload, obstacle: way };
  const targetPort = targetPortOf(init, workload);
  return targetPort === undefined ? { workload, obstacle: OBSTACLE.noPort } : { workload, way, targetPort };
}

/**
 * The endpoint's own mapping, then the service's target port, then, for who has an application tunnel with a port, the
 * service port itself. Another network maps the port itself; a record standing for it that lists ports must list this one.
 */
function targetPortOf(
  { service, servicePort, resolution }: Pick<BalanceInit<object>, 'service' | 'servicePort' | 'resolution'>,
  workload: Workload,
): number | undefined {
  const listed = portOf(service, servicePort);
  const tunnel = workload.applicationTunnel;
  if (!listed && !(resolution === 'waypoint' && tunnel)) return undefined;
  const mappings = workload.services.get(service.key) ?? [];
  const mapped = mappings.find((row) => row.servicePort === servicePort);
  if (standsForNetwork(workload)) return mapped || mappings.length === 0 ? 0 : undefined;
  if (mapped && mapped.targetPort > 0) return mapped.targetPort;
  if (listed && listed.targetPort > 0) return listed.targetPort;
  return tunnel && tunnel.port > 0 ? servicePort : undefined;
}

function prefer<Way extends object>(
  entries: readonly Entry<Way>[],
  { service, source }: BalanceInit<Way>,
): readonly Entry<Way>[] {
  const open = entries.filter(isOpen);
  const kept = preferred(
    service.loadBalancing,
    source,
    open.map(({ workload }) => workload),
  );
  if (kept.size === open.length) return entries;
  const obstacle = service.loadBalancing?.mode === 'strict' ? OBSTACLE.outOfScope : OBSTACLE.outranked;
  return entries.map((entry) =>
    isOpen(entry) && !kept.has(entry.workload) ? { workload: entry.workload, obstacle } : entry,
  );
}

function draw<Way>(open: readonly Open<Way>[], random: () => number): Open<Way> | undefined {
  let left = random() * open.reduce((sum, { workload }) => sum + workload.capacity, 0);
  const drawn = open.find(({ workload }) => {
    left -= workload.capacity;
    return left < 0;
  });
  // Rounding may leave a crumb behind the last one.
  return drawn ?? open.at(-1);
}

function* inOrder<Way extends object>(
  taken: Open<Way>,
  others: readonly Open<Way>[],
  { service, source, random }: BalanceInit<Way>,
): Iterable<Open<Way>> {
  yield taken;
  let left = others;
  while (left.length > 0) {
    const workloads = left.map(({ workload }) => workload);
    const rank = preferred(service.loadBalancing, source, workloads);
    let undrawn = left.filter(({ workload }) => rank.has(workload));
    for (let next = draw(undrawn, random); next; next = draw(undrawn, random)) {
      yield next;
      undrawn = undrawn.filter((entry) => entry !== next);
    }
    // Strict leaves the others out for good, they are no next best.
    if (service.loadBalancing?.mode === 'strict') return;
    left = left.filter(({ workload }) => !rank.has(workload));
  }
}

function isOpen<Way>(entry: Entry<Way>): entry is Open<Way> {
  return 'way' in entry;
}

function candidateOf<Way>(entry: Entry<Way>, taken: Open<Way> | undefined): Candidate {
  const { uid } = entry.workload;
  if (!isOpen(entry)) return { uid, verdict: 'passed-over', reason: entry.obstacle.reason };
  return entry === taken ? { uid, verdict: 'taken', reason: TAKEN } : { uid, verdict: 'eligible', reason: ELIGIBLE };
}

/** One fault when all endpoints fail for the same one, and a count of every reason for the operator. */
function whyNone<Way extends object>(
  { service, servicePort }: BalanceInit<Way>,
  entries: readonly Entry<Way>[],
): Pick<Unreachable, 'fault' | 'reason'> {
  const obstacles = entries.flatMap((entry) => (isOpen(entry) ? [] : entry.obstacle));
  const counts = new Map<string, number>();
  for (const { reason } of obstacles) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const faults = new Set(obstacles.map(({ fault }) => fault));
  const [only] = faults;
  const story = [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return {
    fault: only && faults.size === 1 ? only : 'NO_HEALTHY_UPSTREAM',
    reason: `no endpoint of ${service.key} can serve port ${servicePort}: ${story || 'the service has none'}`,
  };
}
