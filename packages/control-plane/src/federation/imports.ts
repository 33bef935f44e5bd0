/**
 * What a peer tells, as the model of its cluster. A peer speaks for its own cluster, network and trust domain and for
 * nothing else: records that claim more are left out and told. Namespaces that did not change stay the same objects, so
 * a change costs what it touches.
 */
import type { Batch, Service, Workload } from '@isthmus/sdk/discovery';
import {
  type ClusterModel,
  claimsOf,
  type GatewayRecord,
  type NamespaceModel,
  type ServiceRecord,
  waypointKey,
  withAll,
} from '../model/index.js';
import { NO_OBJECTS } from '../sources/index.js';
import { asTold, GATEWAY_PREFIX, type Overreach, overreachOf } from './claims.js';
import type { Rejection } from './events.js';
import type { Peer } from './records.js';

/** Services, workloads and gateways of one peer together; what is beyond is left out. */
const MAX_RECORDS = 200_000;
const MAX_PROBLEMS = 20;
const TOO_MANY: Overreach = { reason: 'too-many', text: `more than ${MAX_RECORDS} records` };

export interface Imports {
  /** Takes in what changed. */
  apply(batch: Batch): void;
  /** The same object while nothing changes. */
  model(): ClusterModel;
  readonly records: { readonly services: number; readonly workloads: number; readonly gateways: number };
  /** What the peer said that it may not say; at most 20. */
  readonly problems: readonly string[];
}

interface Shard {
  readonly services: Map<string, Service>;
  readonly workloads: Map<string, Workload>;
}

/** `onRejected` for each record that is left out, each time it comes. */
export function createImports(peer: Peer, onRejected: (reason: Rejection) => void = () => {}): Imports {
  const shards = new Map<string, Shard>();
  const gateways = new Map<string, GatewayRecord>();
  const refused = new Map<string, string>();
  const placeOf = new Map<string, string>();
  const built = new Map<string, NamespaceModel>();
  let waypoints = '';
  let model: ClusterModel | undefined;

  function drop(name: string): void {
    refused.delete(name);
    gateways.delete(name);
    const place = placeOf.get(name);
    const shard = place === undefined ? undefined : shards.get(place);
    if (place === undefined || !shard) return;
    shard.services.delete(name);
    shard.workloads.delete(name);
    placeOf.delete(name);
    built.delete(place);
    if (shard.services.size + shard.workloads.size === 0) shards.delete(place);
  }

  function shardOf(namespace: string, name: string): Shard {
    const shard = shards.get(namespace) ?? { services: new Map(), workloads: new Map() };
    shards.set(namespace, shard);
    placeOf.set(name, namespace);
    built.delete(namespace);
    return shard;
  }

  function take(resource: Batch['upserts'][number]): void {
    const { kind, value } = resource;
    if (kind === 'policy') return;
    const name = kind === 'service' ? value.key : value.uid;
    drop(name);
    const problem = placeOf.size + gateways.size >= MAX_RECORDS ? TOO_MANY : overreachOf(peer, resource);
    if (problem) {
      onRejected(problem.reason);
      if (refused.size < MAX_PROBLEMS) refused.set(name, problem.text);
    } else if (kind === 'service') shardOf(value.namespace, name).services.set(name, value);
    else if (name.startsWith(GATEWAY_PREFIX)) gateways.set(name, gatewayRecord(value));
    else shardOf(value.namespace, name).workloads.set(name, asTold(value));
  }

  function build(): ClusterModel {
    const fronts = new Set(
      [...shards.values()].flatMap(({ services }) => [...services.values()].flatMap((each) => waypointKey(each) ?? [])),
    );
    const signature = [...fronts].sort().join(' ');
    if (signature !== waypoints) built.clear();
    waypoints = signature;
    for (const name of built.keys()) if (!shards.has(name)) built.delete(name);
    for (const [name, shard] of shards) if (!built.has(name)) built.set(name, namespaceOf(shard, fronts));
    return clusterOf(peer, new Map([...built].sort(([a], [b]) => (a < b ? -1 : 1))), [...gateways.values()]);
  }

  return {
    apply({ upserts, removals }) {
      for (const resource of upserts) take(resource);
      for (const { name } of removals) drop(name);
      model = undefined;
    },
    model() {
      model ??= build();
      return model;
    },
    get records() {
      const all = [...shards.values()];
      const count = (of: (shard: Shard) => number) => all.reduce((sum, shard) => sum + of(shard), 0);
      return {
        services: count(({ services }) => services.size),
        workloads: count(({ workloads }) => workloads.size),
        gateways: gateways.size,
      };
    },
    get problems() {
      return [...refused].map(([name, problem]) => `${name}: ${problem}`);
    },
  };
}

function gatewayRecord(workload: Workload): GatewayRecord {
  const { namespace, canonicalName, network, clusterId, trustDomain, serviceAccount, addresses, hostname } = workload;
  const [ip] = addresses;
  return {
    namespace,
    name: canonicalName,
    network,
    cluster: clusterId,
    trustDomain,
    serviceAccount,
    address: ip === undefined ? { kind: 'hostname', value: hostname } : { kind: 'ip', value: ip },
    hbonePort: workload.networkGateway?.hboneMtlsPort ?? 0,
    source: 'discovered',
    usable: workload.healthy,
  };
}

function namespaceOf({ services, workloads }: Shard, fronts: ReadonlySet<string>): NamespaceModel {
  const records = [...services.values()].map((service) => recordOf(service, fronts));
  const behind = [...new Set(records.flatMap((record) => waypointKey(record) ?? []))];
  return {
    objects: NO_OBJECTS,
    services: new Map(records.map((record) => [record.key, record])),
    workloads: new Map(workloads),
    gateways: [],
    policies: new Map(),
    problems: [],
    waypoints: records.filter(({ isWaypoint }) => isWaypoint),
    fronts: behind,
    waypointsNeeded: behind,
    localFronts: [],
    claims: claimsOf(records),
  };
}

/** Whatever a peer tells of is exported. What stands in front of others is a waypoint. */
function recordOf(
  { visibility: _, weightedWaypoints: __, addresses, ...same }: Service,
  fronts: ReadonlySet<string>,
): ServiceRecord {
  return {
    ...same,
    addresses: addresses.map(({ ip, length }) => (length === undefined ? { ip } : { ip, length })),
    isWaypoint: fronts.has(same.key),
    scope: 'global',
  };
}

function clusterOf(
  { cluster, network, trustDomain }: Peer,
  namespaces: ReadonlyMap<string, NamespaceModel>,
  gateways: readonly GatewayRecord[],
): ClusterModel {
  return withAll(namespaces, {
    id: cluster,
    network,
    trustDomain,
    namespaces,
    gateways,
    policies: new Map(),
    problems: [],
  });
}
