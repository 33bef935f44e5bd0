/**
 * What an ingress gateway may use. Whoever calls it names a host; so it is told of services, of the members that they have on
 * its network and of the records that lead to others, which it needs while no member here is healthy. A workload that is in
 * no service is none of its business, unless it is the gateway itself. Policies bind workloads: the gateway is sent those that
 * bind ingress gateways, and workloads name no others to it.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import type { ClusterModel } from '../model/index.js';
import type { NamespacePart } from './merge.js';
import type { NamespaceView, View } from './types.js';

const NO_POLICIES: readonly string[] = Object.freeze([]);

/** Of the viewer's cluster, in one namespace. */
export function ingressPods(own: ClusterModel, parts: readonly NamespacePart[]): ReadonlySet<string> {
  return new Set(parts.find(({ cluster }) => cluster === own)?.namespace.ingressPods);
}

/** Of what a workload of the cluster sees in one namespace. */
export function seenByIngress(seen: NamespaceView, pods: ReadonlySet<string>): NamespaceView {
  const workloads = [...seen.workloads].flatMap(([name, workload]): [string, Workload][] => {
    if (pods.has(name)) return [[name, workload]];
    return workload.services.size > 0 ? [[name, withoutPolicies(workload)]] : [];
  });
  return { ...seen, workloads: new Map(workloads) };
}

/** The same object when it names none: what is encoded once stays encoded. */
export function withoutPolicies(workload: Workload): Workload {
  return workload.authorizationPolicies.length === 0 ? workload : { ...workload, authorizationPolicies: NO_POLICIES };
}

export function policiesOfIngress({ namespaces, policies }: ClusterModel): View['policies'] {
  const homes = [...namespaces].filter(([, { ingressPods = [] }]) => ingressPods.length > 0);
  const places = new Set(homes.map(([name]) => name));
  const named = new Set(
    homes.flatMap(([, { ingressPods = [], workloads }]) =>
      ingressPods.flatMap((uid) => workloads.get(uid)?.authorizationPolicies ?? []),
    ),
  );
  const binds = ([key, { scope, namespace }]: readonly [string, { scope: string; namespace: string }]) =>
    named.has(key) || (scope === 'global' && places.size > 0) || (scope === 'namespace' && places.has(namespace));
  return new Map([...policies].filter(binds));
}
