/** What a store has to answer, computed from plain lists by walking all of them. Slow and obvious. */
import type { Authorization, Service, Workload } from '../../src/discovery/model.js';
import type { Batch } from '../../src/discovery/store.js';
import { ipInBlock, parseIp } from '../../src/wire/ip.js';

export interface ReferenceStore {
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly services: ReadonlyMap<string, Service>;
  readonly policies: ReadonlyMap<string, Authorization>;
}

export const EMPTY: ReferenceStore = { workloads: new Map(), services: new Map(), policies: new Map() };

export function applyBatch(before: ReferenceStore, { upserts, removals }: Batch): ReferenceStore {
  const workloads = new Map(before.workloads);
  const services = new Map(before.services);
  const policies = new Map(before.policies);
  for (const { kind, value } of upserts) {
    if (kind === 'workload') {
      services.delete(value.uid);
      workloads.set(value.uid, value);
    } else if (kind === 'service') {
      workloads.delete(value.key);
      services.set(value.key, value);
    } else policies.set(value.key, value);
  }
  for (const { type, name } of removals) {
    if (type === 'authorization') policies.delete(name);
    else if (!workloads.delete(name)) services.delete(name);
  }
  return { workloads, services, policies };
}

export function onAddress({ workloads }: ReferenceStore, network: string, ip: string): Workload[] {
  return [...workloads.values()].filter(
    (workload) => workload.networkMode !== 'host' && workload.network === network && workload.addresses.includes(ip),
  );
}

export function membersOf({ workloads }: ReferenceStore, serviceKey: string): Workload[] {
  return [...workloads.values()].filter(({ services }) => services.has(serviceKey));
}

export function servingAddress({ services }: ReferenceStore, network: string, ip: string): Service[] {
  const all = [...services.values()];
  const exact = all.filter(({ addresses }) =>
    addresses.some((vip) => vip.length === undefined && vip.network === network && vip.ip === ip),
  );
  return exact.length > 0 ? exact : all.filter((service) => longestBlock(service, network, ip) >= 0);
}

/** Prefix length of the narrowest block of the service around the address; -1 when none is. */
export function longestBlock({ addresses }: Service, network: string, ip: string): number {
  const lengths = addresses
    .filter((vip) => vip.length !== undefined && vip.network === network)
    .filter((vip) => ipInBlock(parseIp(ip)!, parseIp(vip.ip)!, vip.length!))
    .map((vip) => vip.length!);
  return Math.max(-1, ...lengths);
}
