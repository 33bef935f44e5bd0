/** Records of a mesh with the defaults a control plane would fill in; tests name only what matters to them. */
import {
  type Authorization,
  createStore,
  type PolicyMatch,
  type Service,
  type Store,
  type Workload,
} from '@isthmus/sdk/discovery';

export function workload(fields: Partial<Workload> & Pick<Workload, 'name'>): Workload {
  const namespace = fields.namespace ?? 'shop';
  const clusterId = fields.clusterId ?? 'east';
  return {
    uid: `${clusterId}//Pod/${namespace}/${fields.name}`,
    namespace,
    addresses: [],
    hostname: '',
    network: 'network-1',
    clusterId,
    trustDomain: 'cluster.local',
    serviceAccount: fields.name,
    node: 'node-a',
    canonicalName: fields.name,
    canonicalRevision: 'v1',
    workloadName: fields.name,
    workloadType: 'deployment',
    locality: { region: '', zone: '', subzone: '' },
    tunnelProtocol: 'hbone',
    nativeTunnel: false,
    networkMode: 'standard',
    healthy: true,
    capacity: 1,
    authorizationPolicies: [],
    services: new Map(),
    ...fields,
  };
}

export function service(fields: Partial<Service> & Pick<Service, 'name'>): Service {
  const namespace = fields.namespace ?? 'shop';
  const hostname = fields.hostname ?? `${fields.name}.${namespace}.svc.cluster.local`;
  return {
    key: `${namespace}/${hostname}`,
    namespace,
    hostname,
    addresses: [],
    ports: [{ servicePort: 80, targetPort: 8080, appProtocol: 'unknown' }],
    subjectAltNames: [],
    ipFamilies: 'automatic',
    canonical: true,
    ingressUseWaypoint: false,
    visibility: 'public',
    ...fields,
  };
}

const NOTHING: PolicyMatch = {
  namespaces: [],
  notNamespaces: [],
  principals: [],
  notPrincipals: [],
  sourceIps: [],
  notSourceIps: [],
  destinationIps: [],
  notDestinationIps: [],
  destinationPorts: [],
  notDestinationPorts: [],
  serviceAccounts: [],
  notServiceAccounts: [],
};

export function policy(name: string, action: 'allow' | 'deny', match: Partial<PolicyMatch>): Authorization {
  return {
    key: `shop/${name}`,
    name,
    namespace: 'shop',
    scope: 'namespace',
    action,
    rules: [[[{ ...NOTHING, ...match }]]],
    dryRun: false,
  };
}

export interface MeshRecords {
  readonly workloads?: readonly Workload[];
  readonly services?: readonly Service[];
  readonly policies?: readonly Authorization[];
}

export function feed(store: Store, { workloads = [], services = [], policies = [] }: MeshRecords): Store {
  store.apply({
    upserts: [
      ...workloads.map((value) => ({ kind: 'workload', value }) as const),
      ...services.map((value) => ({ kind: 'service', value }) as const),
      ...policies.map((value) => ({ kind: 'policy', value }) as const),
    ],
    removals: [],
  });
  return store;
}

export function storeOf(records: MeshRecords): Store {
  return feed(createStore(), records);
}
