/**
 * Writing: one batch of changes to a set of indexes, as drafts that become the next set when finished. The set the edit
 * began with stays as it was.
 *
 * List indexes keep the order in which their members were first seen, updates included: ztunnel breaks ties by it.
 */

import type { Authorization, Service, Workload } from '../model.js';
import {
  addressKeysOf,
  blocksOf,
  hostnameKeysOf,
  type Indexes,
  type Members,
  networkGatewayKeysOf,
  type PrefixLength,
  policyScopeKeysOf,
  vipKeysOf,
} from './indexes.js';
import { emptyMap, type MapDraft } from './persistent-map.js';

export interface IndexEdit {
  /** The item as it is now under that key; undefined removes it. */
  workload(uid: string, after: Workload | undefined): void;
  service(key: string, after: Service | undefined): void;
  policy(key: string, after: Authorization | undefined): void;
  hasWorkload(uid: string): boolean;
  finish(): Indexes;
}

type Drafts = { readonly [Name in keyof Indexes]: ReturnType<Indexes[Name]['edit']> };

export function editIndexes(indexes: Indexes): IndexEdit {
  const drafts = draftsOf(indexes);
  const memberDrafts = new Map<string, MapDraft<Workload>>();

  function membersDraft(serviceKey: string): MapDraft<Workload> {
    let draft = memberDrafts.get(serviceKey);
    if (!draft) {
      draft = (indexes.members.get(serviceKey)?.byUid ?? emptyMap<Workload>()).edit();
      memberDrafts.set(serviceKey, draft);
    }
    return draft;
  }

  return {
    hasWorkload: (uid) => drafts.workloads.get(uid) !== undefined,
    workload(uid, after) {
      const before = drafts.workloads.get(uid);
      put(drafts.workloads, uid, after);
      reindex(drafts.workloadsByAddress, addressKeysOf, before, after);
      reindex(drafts.workloadsByHostname, hostnameKeysOf, before, after);
      reindex(drafts.networkGateways, networkGatewayKeysOf, before, after);
      for (const key of before?.services.keys() ?? []) if (!after?.services.has(key)) membersDraft(key).delete(uid);
      if (after) for (const key of after.services.keys()) membersDraft(key).set(uid, after);
    },
    service(key, after) {
      const before = drafts.services.get(key);
      put(drafts.services, key, after);
      reindex(drafts.servicesByHostname, ({ hostname }) => [hostname], before, after);
      reindex(drafts.servicesByAddress, vipKeysOf, before, after);
      reindex(drafts.servicesByBlock, (service) => [...blocksOf(service).keys()], before, after);
      if (before) countPrefixes(drafts.prefixLengths, before, -1);
      if (after) countPrefixes(drafts.prefixLengths, after, 1);
    },
    policy(key, after) {
      const before = drafts.policies.get(key);
      put(drafts.policies, key, after);
      reindex(drafts.policiesByScope, policyScopeKeysOf, before, after);
    },
    finish() {
      for (const [serviceKey, draft] of memberDrafts) finishMembers(drafts.members, serviceKey, draft);
      return finishDrafts(drafts);
    },
  };
}

function finishMembers(members: MapDraft<Members>, serviceKey: string, draft: MapDraft<Workload>): void {
  const byUid = draft.finish();
  // An untouched set keeps its list.
  if (byUid === members.get(serviceKey)?.byUid) return;
  put(members, serviceKey, byUid.size > 0 ? { byUid } : undefined);
}

function put<T>(draft: MapDraft<T>, key: string, value: T | undefined): void {
  if (value === undefined) draft.delete(key);
  else draft.set(key, value);
}

/** Takes `before` out of the lists it is in and puts `after` into those it belongs to, in the same place where it can. */
function reindex<T extends object>(
  index: MapDraft<readonly T[]>,
  keysOf: (item: T) => readonly string[],
  before: T | undefined,
  after: T | undefined,
): void {
  const keysAfter = new Set(after && keysOf(after));
  for (const key of new Set(before && keysOf(before))) {
    const list = index.get(key) ?? [];
    if (after && keysAfter.delete(key)) {
      index.set(
        key,
        list.map((item) => (item === before ? after : item)),
      );
    } else {
      const rest = list.filter((item) => item !== before);
      put(index, key, rest.length > 0 ? rest : undefined);
    }
  }
  if (after) for (const key of keysAfter) index.set(key, [...(index.get(key) ?? []), after]);
}

function countPrefixes(index: MapDraft<readonly PrefixLength[]>, service: Service, step: 1 | -1): void {
  for (const { family, length } of blocksOf(service).values()) {
    const counts = new Map(index.get(family)?.map((entry) => [entry.length, entry.count]));
    counts.set(length, (counts.get(length) ?? 0) + step);
    const lengths = [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => b - a);
    put(index, family, lengths.length > 0 ? lengths.map(([length, count]) => ({ length, count })) : undefined);
  }
}

function draftsOf(indexes: Indexes): Drafts {
  return {
    workloads: indexes.workloads.edit(),
    services: indexes.services.edit(),
    policies: indexes.policies.edit(),
    workloadsByAddress: indexes.workloadsByAddress.edit(),
    workloadsByHostname: indexes.workloadsByHostname.edit(),
    networkGateways: indexes.networkGateways.edit(),
    servicesByHostname: indexes.servicesByHostname.edit(),
    servicesByAddress: indexes.servicesByAddress.edit(),
    servicesByBlock: indexes.servicesByBlock.edit(),
    prefixLengths: indexes.prefixLengths.edit(),
    members: indexes.members.edit(),
    policiesByScope: indexes.policiesByScope.edit(),
  };
}

function finishDrafts(drafts: Drafts): Indexes {
  return {
    workloads: drafts.workloads.finish(),
    services: drafts.services.finish(),
    policies: drafts.policies.finish(),
    workloadsByAddress: drafts.workloadsByAddress.finish(),
    workloadsByHostname: drafts.workloadsByHostname.finish(),
    networkGateways: drafts.networkGateways.finish(),
    servicesByHostname: drafts.servicesByHostname.finish(),
    servicesByAddress: drafts.servicesByAddress.finish(),
    servicesByBlock: drafts.servicesByBlock.finish(),
    prefixLengths: drafts.prefixLengths.finish(),
    members: drafts.members.finish(),
    policiesByScope: drafts.policiesByScope.finish(),
  };
}
