/**
 * Choosing one endpoint of a service: ztunnel's filters, modes, scopes and weights. Every endpoint leaves a candidate with
 * the reason it was taken or passed over.
 *
 * Refuses to choose what cannot be reached: an endpoint on another network counts only when the caller found a way there.
 * Cost is linear in the endpoints of the service; reasons are constants, so a choice allocates one row per endpoint.
 */
import type { LoadBalancing, RoutingScope, Service, Workload } from '../discovery/model.js';
import type { FaultCode } from '../wire/faults.js';
import { standsForNetwork } from './identities.js';
import { portOf } from './lookup.js';
import type { Candidate } from './plan.js';

/** Why an endpoint cannot be used, and the fault it amounts to when no endpoint is left. */
export interface Obstacle {
  readonly reason: string;
  readonly fault: FaultCode;
}

export interface BalanceInit {
  readonly service: Service;
  readonly servicePort: number;
  readonly endpoints: readonly Workload[];
  /** Whose locality, node, cluster and network the routing preference compares; without it preferences do not count. */
  readonly source?: Workload | undefined;
  /**
   * Network of the one who chooses: endpoints on others need a network gateway. Absent when every endpoint is dialled by
   * its own address wherever it is, as network gateways are.
   */
  readonly network?: string | undefined;
  /** A waypoint or gateway service may leave out the port when its workloads declare an application tunnel. */
  readonly resolution: 'standard' | 'waypoint';
  /** What the caller knows against an endpoint beyond health, capacity and ports. */
  readonly obstacle?: (workload: Workload) => Obstacle | undefined;
  /** In [0, 1). */
  readonly random: () => number;
}

export type Balance =
  | {
      readonly kind: 'chosen';
      readonly workload: Workload;
      /** 0 when the endpoint is on another network: the port is mapped there. */
      readonly targetPort: number;
      readonly candidates: readonly Candidate[];
    }
  | {
      readonly kind: 'none';
      readonly fault: FaultCode;
      readonly reason: string;
      readonly candidates: readonly Candidate[];
    };

const OBSTACLE = {
  unhealthy: { reason: 'not healthy', fault: 'NO_HEALTHY_UPSTREAM' },
  noCapacity: { reason: 'capacity 0', fault: 'NO_HEALTHY_UPSTREAM' },
  noPort: { reason: 'does not map the port', fault: 'UNKNOWN_PORT' },
  noAddress: { reason: 'has neither an address nor a hostname', fault: 'NO_HEALTHY_UPSTREAM' },
  noGateway: { reason: 'on another network without a network gateway', fault: 'NO_GATEWAY' },
  outOfScope: { reason: 'outside the scope that strict routing demands', fault: 'NO_HEALTHY_UPSTREAM' },
  outranked: { reason: 'a nearer endpoint is available', fault: 'NO_HEALTHY_UPSTREAM' },
} as const satisfies Record<string, Obstacle>;

const ELIGIBLE = 'eligible, not drawn';
const TAKEN = 'drawn by capacity';

/** An endpoint under consideration; `obstacle` set means passed over. */
interface Entry {
  readonly workload: Workload;
  readonly targetPort: number;
  obstacle?: Obstacle | undefined;
}

export function balance(init: BalanceInit): Balance {
  const entries = init.endpoints.map((workload) => consider(init, workload));
  prefer(entries, init);
  const taken = draw(entries, init.random);
  const candidates = entries.map((entry) => candidateOf(entry, taken));
  if (taken) return { kind: 'chosen', workload: taken.workload, targetPort: taken.targetPort, candidates };
  return { kind: 'none', ...whyNone(init, entries), candidates };
}

function consider(init: BalanceInit, workload: Workload): Entry {
  const targetPort = targetPortOf(init, workload);
  return { workload, targetPort: targetPort ?? 0, obstacle: obstacleTo(init, workload, targetPort) };
}

/** First the facts about the endpoint itself, then what the caller holds against it, then the ports. */
function obstacleTo(init: BalanceInit, workload: Workload, targetPort: number | undefined): Obstacle | undefined {
  const anyHealth = init.service.loadBalancing?.healthPolicy === 'allow-all';
  if (!workload.healthy && !anyHealth) return OBSTACLE.unhealthy;
  if (workload.capacity <= 0) return OBSTACLE.noCapacity;
  if (isElsewhere(init, workload)) {
    if (!workload.networkGateway) return OBSTACLE.noGateway;
  } else if (workload.addresses.length === 0 && workload.hostname === '') return OBSTACLE.noAddress;
  return init.obstacle?.(workload) ?? (targetPort === undefined ? OBSTACLE.noPort : undefined);
}

function isElsewhere({ network }: BalanceInit, workload: Workload): boolean {
  return network !== undefined && workload.network !== network;
}

/**
 * The endpoint's own mapping, then the service's target port, then, for who has an application tunnel with a port, the
 * service port itself. Another network maps the port itself; a record standing for it that lists ports must list this one.
 */
function targetPortOf(init: BalanceInit, workload: Workload): number | undefined {
  const { service, servicePort } = init;
  const listed = portOf(service, servicePort);
  const tunnel = workload.applicationTunnel;
  if (!listed && !(init.resolution === 'waypoint' && tunnel)) return undefined;
  const mappings = workload.services.get(service.key) ?? [];
  const mapped = mappings.find((row) => row.servicePort === servicePort);
  if (standsForNetwork(workload)) return mapped || mappings.length === 0 ? 0 : undefined;
  if (mapped && mapped.targetPort > 0) return mapped.targetPort;
  if (listed && listed.targetPort > 0) return listed.targetPort;
  return tunnel && tunnel.port > 0 ? servicePort : undefined;
}

/** Strict demands every scope; failover keeps the best rank only; standard ignores scopes. */
function prefer(entries: readonly Entry[], { service, source }: BalanceInit): void {
  const policy = service.loadBalancing;
  if (!policy || !source || (policy.mode !== 'strict' && policy.mode !== 'failover')) return;
  const open = entries.filter((entry) => !entry.obstacle);
  const ranks = new Map(open.map((entry) => [entry, scopeRank(policy, source, entry.workload)]));
  const needed =
    policy.mode === 'strict'
      ? policy.routingPreference.length
      : Math.max(0, ...[...ranks.values()].map((rank) => rank.ranked));
  for (const [entry, rank] of ranks) {
    if (policy.mode === 'strict' && rank.matched < needed) entry.obstacle = OBSTACLE.outOfScope;
    if (policy.mode === 'failover' && rank.ranked < needed) entry.obstacle = OBSTACLE.outranked;
  }
}

const SAME: Readonly<Record<RoutingScope, (a: Workload, b: Workload) => boolean>> = {
  region: (a, b) => a.locality.region === b.locality.region,
  zone: (a, b) => a.locality.zone === b.locality.zone,
  subzone: (a, b) => a.locality.subzone === b.locality.subzone,
  node: (a, b) => a.node === b.node,
  cluster: (a, b) => a.clusterId === b.clusterId,
  network: (a, b) => a.network === b.network,
};

/**
 * Leading scopes that match, up to the first that does not. When the list starts with the network, staying on it outweighs
 * everything else (a bonus of all other scopes), and leaving it does not stop the count: among other networks the nearer
 * one still wins. So for network, region, zone: all 5, network and region 4, network 3, region and zone 2, region 1.
 */
function scopeRank(policy: LoadBalancing, source: Workload, endpoint: Workload): { matched: number; ranked: number } {
  const scopes = policy.routingPreference;
  const networkFirst = scopes[0] === 'network';
  const onNetwork = networkFirst && SAME.network(source, endpoint);
  const counted = networkFirst && !onNetwork ? scopes.slice(1) : scopes;
  const miss = counted.findIndex((scope) => !SAME[scope](source, endpoint));
  const matched = miss < 0 ? counted.length : miss;
  return { matched, ranked: matched + (onNetwork ? scopes.length - 1 : 0) };
}

function draw(entries: readonly Entry[], random: () => number): Entry | undefined {
  const open = entries.filter((entry) => !entry.obstacle);
  let left = random() * open.reduce((sum, entry) => sum + entry.workload.capacity, 0);
  for (const entry of open) {
    left -= entry.workload.capacity;
    if (left < 0) return entry;
  }
  // Rounding may leave a crumb after the last one.
  return open.at(-1);
}

function candidateOf(entry: Entry, taken: Entry | undefined): Candidate {
  const { uid } = entry.workload;
  if (entry.obstacle) return { uid, verdict: 'passed-over', reason: entry.obstacle.reason };
  return entry === taken ? { uid, verdict: 'taken', reason: TAKEN } : { uid, verdict: 'eligible', reason: ELIGIBLE };
}

/** One fault when all endpoints fail for the same one, and a count of every reason for the operator. */
function whyNone(init: BalanceInit, entries: readonly Entry[]): { fault: FaultCode; reason: string } {
  const { service, servicePort } = init;
  const obstacles = entries.flatMap(({ obstacle }) => obstacle ?? []);
  const counts = new Map<string, number>();
  for (const { reason } of obstacles) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const faults = new Set(obstacles.map((obstacle) => obstacle.fault));
  const [only] = faults;
  const story = [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return {
    fault: only && faults.size === 1 ? only : 'NO_HEALTHY_UPSTREAM',
    reason: `no endpoint of ${service.key} can serve port ${servicePort}: ${story || 'the service has none'}`,
  };
}
