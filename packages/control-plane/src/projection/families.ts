/** The IP families of a cluster: those that its Services have addresses of; of its pods, while no Service has one. */
import type { ClusterModel, NamespaceModel } from '../model/index.js';

export type Families = ReadonlySet<'ipv4' | 'ipv6'>;

const BOTH = 2;
const ofServices = new WeakMap<NamespaceModel, Families>();

/** IPv4, when nothing in the cluster has an address. A look at each namespace, and at all of what changed. */
export function familiesOf({ namespaces }: ClusterModel): Families {
  const served = union(namespaces.values(), familiesOfServices);
  if (served.size > 0) return served;
  const used = union(namespaces.values(), ({ workloads }) => familiesAmong([...workloads.values()]));
  return used.size > 0 ? used : new Set(['ipv4']);
}

function familiesOfServices(namespace: NamespaceModel): Families {
  const known = ofServices.get(namespace);
  if (known) return known;
  const canonical = [...namespace.services.values()].filter((record) => record.canonical);
  const found = familiesAmong(canonical.map(({ addresses }) => ({ addresses: addresses.map(({ ip }) => ip) })));
  ofServices.set(namespace, found);
  return found;
}

function union(namespaces: Iterable<NamespaceModel>, of: (namespace: NamespaceModel) => Families): Families {
  const all = new Set<'ipv4' | 'ipv6'>();
  for (const namespace of namespaces) {
    for (const family of of(namespace)) all.add(family);
    if (all.size === BOTH) break;
  }
  return all;
}

/** Addresses are canonical text. */
function familiesAmong(owners: readonly { readonly addresses: readonly string[] }[]): Families {
  return new Set(owners.flatMap(({ addresses }) => addresses.map((ip) => (ip.includes(':') ? 'ipv6' : 'ipv4'))));
}
