/**
 * What a snapshot is made of: one primary map per kind and the indexes over them. The keys of each index are spelled
 * here and nowhere else, so that editing and reading cannot disagree.
 */
import { maskIp, parseIp } from '../../wire/ip.js';
import type { Authorization, NetworkAddress, Service, Workload } from '../model.js';
import { emptyMap, type PersistentMap } from './persistent-map.js';

/** Members of one service. `list` is made when first asked for and kept: members change less often than they are read. */
export interface Members {
  readonly byUid: PersistentMap<Workload>;
  list?: readonly Workload[];
}

/** How many blocks of that prefix length exist; lookups try only lengths that do. */
export interface PrefixLength {
  readonly length: number;
  readonly count: number;
}

export interface Indexes {
  readonly workloads: PersistentMap<Workload>;
  readonly services: PersistentMap<Service>;
  readonly policies: PersistentMap<Authorization>;
  readonly workloadsByAddress: PersistentMap<readonly Workload[]>;
  readonly workloadsByHostname: PersistentMap<readonly Workload[]>;
  /** By network; see `networkGatewayKeysOf`. */
  readonly networkGateways: PersistentMap<readonly Workload[]>;
  readonly servicesByHostname: PersistentMap<readonly Service[]>;
  readonly servicesByAddress: PersistentMap<readonly Service[]>;
  readonly servicesByBlock: PersistentMap<readonly Service[]>;
  /** By network and family, longest first. */
  readonly prefixLengths: PersistentMap<readonly PrefixLength[]>;
  /** Also for services that are not known (yet): workloads may arrive before them. */
  readonly members: PersistentMap<Members>;
  /** Policies that bind by where a workload is; see `policyScopeKeysOf`. */
  readonly policiesByScope: PersistentMap<readonly Authorization[]>;
}

export const EMPTY_INDEXES: Indexes = {
  workloads: emptyMap(),
  services: emptyMap(),
  policies: emptyMap(),
  workloadsByAddress: emptyMap(),
  workloadsByHostname: emptyMap(),
  networkGateways: emptyMap(),
  servicesByHostname: emptyMap(),
  servicesByAddress: emptyMap(),
  servicesByBlock: emptyMap(),
  prefixLengths: emptyMap(),
  members: emptyMap(),
  policiesByScope: emptyMap(),
};

const NETWORK_GATEWAY_PREFIX = 'NetworkGateway/';

export const GLOBAL_POLICIES = 'global';

/** Never equal to the key of the global ones, whatever the namespace is called. */
export function namespacePolicies(namespace: string): string {
  return `namespace/${namespace}`;
}

export function addressKey(network: string, ip: string): string {
  return `${network}/${ip}`;
}

export function hostnameKey(namespace: string, hostname: string): string {
  return `${namespace}/${hostname}`;
}

export function familyKey(network: string, ip: Uint8Array): string {
  return `${network}/${ip.length}`;
}

export function blockKey(network: string, ip: Uint8Array, length: number): string {
  return `${network}/${maskIp(ip, length).join('.')}/${length}`;
}

/** Host-network workloads share their node's address, so the address would name the wrong one. */
export function addressKeysOf({ networkMode, addresses, network }: Workload): readonly string[] {
  return networkMode === 'host' ? [] : addresses.map((ip) => addressKey(network, ip));
}

export function hostnameKeysOf({ namespace, hostname }: Workload): readonly string[] {
  return hostname === '' ? [] : [hostnameKey(namespace, hostname)];
}

/** Records that stand for a gateway and no workload; istiod names them so, and sends them to everybody. */
export function networkGatewayKeysOf({ uid, network }: Workload): readonly string[] {
  return uid.startsWith(NETWORK_GATEWAY_PREFIX) ? [network] : [];
}

export function vipKeysOf({ addresses }: Service): readonly string[] {
  return addresses.filter(({ length }) => length === undefined).map(({ network, ip }) => addressKey(network, ip));
}

/** The blocks of a service, each once. */
export function blocksOf({
  addresses,
}: Service): ReadonlyMap<string, { readonly family: string; readonly length: number }> {
  const blocks = addresses.flatMap(({ network, ip, length }: NetworkAddress) => {
    const bytes = parseIp(ip);
    if (!bytes || length === undefined) return [];
    return [[blockKey(network, bytes, length), { family: familyKey(network, bytes), length }] as const];
  });
  return new Map(blocks);
}

export function policyScopeKeysOf({ scope, namespace }: Authorization): readonly string[] {
  switch (scope) {
    case 'global':
      return [GLOBAL_POLICIES];
    case 'namespace':
      return [namespacePolicies(namespace)];
    // Reached only by the workloads that list it.
    case 'workload-selector':
      return [];
  }
}
