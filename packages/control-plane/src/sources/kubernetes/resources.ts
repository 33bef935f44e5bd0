/**
 * THE table of where the API server keeps each kind that sources understand. A kind without a row does not compile; the
 * manifest of permissions in `deploy/` is tested against it.
 */
import { KIND_NAMES, KINDS, type Kind } from '../kinds/index.js';

export interface Resource {
  readonly kind: string;
  /** `v1`, `discovery.k8s.io/v1`. */
  readonly apiVersion: string;
  /** Empty for the core group. */
  readonly group: string;
  /** As paths, permissions and `kubectl` name it. */
  readonly plural: string;
  /** What every API server has. The others are definitions that may not be installed, or not yet. */
  readonly isBuiltIn: boolean;
  /** Where lists and watches of it are. */
  readonly path: string;
  /** Where it is looked for in one namespace only. */
  readonly namespace?: string;
  /** As query parameters of lists and watches. */
  readonly selectors?: Readonly<Record<string, string>>;
}

export const LIST_AND_WATCH: readonly string[] = ['list', 'watch'];

/** The RBAC rule that permits it, for people who have to add it. */
export function ruleFor(
  { group, plural, namespace }: Pick<Resource, 'group' | 'plural' | 'namespace'>,
  verbs: readonly string[],
): string {
  const where = namespace === undefined ? 'a ClusterRole' : `a Role of namespace ${namespace}`;
  return `{apiGroups: ["${group}"], resources: [${plural}], verbs: [${verbs.join(', ')}]} in ${where}`;
}

const ROWS = {
  Namespace: { version: 'v1', plural: 'namespaces', isBuiltIn: true },
  Node: { version: 'v1', plural: 'nodes', isBuiltIn: true },
  Service: { version: 'v1', plural: 'services', isBuiltIn: true },
  Pod: { version: 'v1', plural: 'pods', isBuiltIn: true },
  EndpointSlice: { version: 'v1', plural: 'endpointslices', isBuiltIn: true },
  WorkloadEntry: { version: 'v1', plural: 'workloadentries', isBuiltIn: false },
  ServiceEntry: { version: 'v1', plural: 'serviceentries', isBuiltIn: false },
  Gateway: { version: 'v1', plural: 'gateways', isBuiltIn: false },
  AuthorizationPolicy: { version: 'v1', plural: 'authorizationpolicies', isBuiltIn: false },
  PeerAuthentication: { version: 'v1', plural: 'peerauthentications', isBuiltIn: false },
} as const satisfies Record<Kind, { readonly version: string; readonly plural: string; readonly isBuiltIn: boolean }>;

export const RESOURCES: ReadonlyMap<Kind, Resource> = new Map(KIND_NAMES.map((kind) => [kind, resourceOf(kind)]));

export function resourceOf(kind: Kind): Resource {
  const { group } = KINDS[kind];
  const { version, plural, isBuiltIn } = ROWS[kind];
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const path = `/${group === '' ? 'api' : 'apis'}/${apiVersion}/${plural}`;
  return { kind, apiVersion, group, plural, isBuiltIn, path };
}

/** Those of one name in all namespaces: by the name, so that a role can grant these and no others. */
export function configMapsNamed(name: string): Resource {
  return {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    group: '',
    plural: 'configmaps',
    isBuiltIn: true,
    path: '/api/v1/configmaps',
    selectors: { fieldSelector: `metadata.name=${name}` },
  };
}

/** Istio's remote secrets: each key of such a Secret is the id of a cluster, its value a kubeconfig. */
export function remoteSecretsOf(namespace: string): Resource {
  return {
    kind: 'Secret',
    apiVersion: 'v1',
    group: '',
    plural: 'secrets',
    isBuiltIn: true,
    path: `/api/v1/namespaces/${namespace}/secrets`,
    namespace,
    selectors: { labelSelector: 'istio/multiCluster=true' },
  };
}
