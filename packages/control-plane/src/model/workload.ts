/** What the workloads of all sources have in common: defaults, locality, tunnel and weight. */
import type { Locality, Workload } from '@isthmus/sdk/discovery';
import type { NamespaceContext } from './context.js';
import { ANNOTATION, LABEL, type Labels } from './labels.js';

/**
 * Uids as Istio writes them; the doubled slash is the empty API group, by which ztunnel prefers pods on one address.
 */
export const uid = {
  // Joined, which makes one string; a template would keep the pieces as well, and there are a hundred thousand of these.
  pod: (cluster: string, namespace: string, name: string) => [cluster, '', 'Pod', namespace, name].join('/'),
  workloadEntry: (cluster: string, namespace: string, name: string) =>
    `${cluster}/networking.istio.io/WorkloadEntry/${namespace}/${name}`,
  serviceEntry: (cluster: string, namespace: string, name: string, address: string) =>
    `${cluster}/networking.istio.io/ServiceEntry/${namespace}/${name}/${address}`,
  endpointSlice: (cluster: string, namespace: string, name: string, ip: string) =>
    `${cluster}/discovery.k8s.io/EndpointSlice/${namespace}/${name}/${ip}`,
} as const;

export const NO_LOCALITY: Locality = Object.freeze({ region: '', zone: '', subzone: '' });
const NO_SERVICES: Workload['services'] = new Map();
const NO_POLICIES: readonly string[] = Object.freeze([]);

/**
 * A workload of that cluster about which nothing special is known. Every field is written out: there are a hundred
 * thousand of these, and an object that is spread into another costs V8 ten times as much as a literal.
 */
export function plainWorkload(
  context: NamespaceContext,
  { uid, name, namespace }: Pick<Workload, 'uid' | 'name' | 'namespace'>,
): Workload {
  return {
    uid,
    name,
    namespace,
    addresses: [],
    hostname: '',
    network: context.network,
    clusterId: context.id,
    trustDomain: context.trustDomain,
    serviceAccount: '',
    node: '',
    canonicalName: '',
    canonicalRevision: '',
    workloadName: name,
    workloadType: 'pod',
    locality: NO_LOCALITY,
    tunnelProtocol: 'none',
    nativeTunnel: false,
    networkMode: 'standard',
    healthy: true,
    capacity: 1,
    authorizationPolicies: NO_POLICIES,
    services: NO_SERVICES,
  };
}

/** The node says where a pod is; the pod's own labels where no node is known. */
export function localityOf(nodeLabels: Labels, ownLabels: Labels): Locality {
  const of = (key: string) => nodeLabels[key] ?? ownLabels[key] ?? '';
  const locality = { region: of(LABEL.region), zone: of(LABEL.zone), subzone: of(LABEL.subzone) };
  return locality.region || locality.zone || locality.subzone ? locality : NO_LOCALITY;
}

export interface TunnelFacts {
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** HBONE as declared on the object itself; undefined when the object does not say. */
export function declaredTunnel({
  labels,
  annotations,
}: TunnelFacts): Pick<Workload, 'tunnelProtocol' | 'nativeTunnel'> | undefined {
  if (labels[LABEL.tunnel] === 'http') return { tunnelProtocol: 'hbone', nativeTunnel: true };
  if (annotations[ANNOTATION.redirection] === 'enabled') return { tunnelProtocol: 'hbone', nativeTunnel: false };
  return undefined;
}

/** A map of memberships in the order of keys, so that equal memberships have equal bytes. */
export function sortedMemberships(
  entries: Iterable<readonly [string, Workload['services'] extends ReadonlyMap<string, infer P> ? P : never]>,
): Workload['services'] {
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
