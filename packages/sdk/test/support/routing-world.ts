/**
 * Small meshes for routing tests: builders with defaults for records, a snapshot by the real store, and plans as one line
 * of text each, so that a table of decisions reads as one.
 */
import type {
  Authorization,
  GatewayAddress,
  PolicyMatch,
  ResourceModel,
  Service,
  ServicePort,
  Snapshot,
  Workload,
} from '../../src/discovery/model.js';
import { createStore } from '../../src/discovery/store.js';
import type { Hop, Plan } from '../../src/routing/plan.js';

export const OWN = 'net-1';
export const FAR = 'net-2';

export interface World {
  readonly workloads?: readonly Workload[];
  readonly services?: readonly Service[];
  readonly policies?: readonly Authorization[];
}

export function snapshotOf({ workloads = [], services = [], policies = [] }: World): Snapshot {
  const upserts: ResourceModel[] = [
    ...services.map((value) => ({ kind: 'service', value }) as const),
    ...workloads.map((value) => ({ kind: 'workload', value }) as const),
    ...policies.map((value) => ({ kind: 'policy', value }) as const),
  ];
  return createStore().apply({ upserts, removals: [] });
}

/** A healthy pod of namespace `shop` that speaks HBONE, in the service account of its name up to the first dash. */
export function pod(name: string, ip: string, more: Partial<Workload> = {}): Workload {
  const namespace = more.namespace ?? 'shop';
  return {
    uid: `cluster-1//Pod/${namespace}/${name}`,
    name,
    namespace,
    addresses: ip === '' ? [] : [ip],
    hostname: '',
    network: OWN,
    clusterId: 'cluster-1',
    trustDomain: 'cluster.local',
    serviceAccount: name.split('-')[0] ?? name,
    node: 'node-1',
    canonicalName: name,
    canonicalRevision: 'v1',
    workloadName: name,
    workloadType: 'deployment',
    locality: { region: '', zone: '', subzone: '' },
    tunnelProtocol: 'hbone',
    nativeTunnel: false,
    networkMode: 'standard',
    healthy: true,
    capacity: 1,
    authorizationPolicies: [],
    services: new Map(),
    ...more,
  };
}

/** The record that stands for a service on another network, as istiod makes it. */
export function standIn(of: Service, gateway: GatewayAddress, more: Partial<Workload> = {}): Workload {
  return pod(`${of.name}.${FAR}`, '', {
    uid: `${FAR}/SplitHorizonWorkload/${of.key}`,
    network: FAR,
    clusterId: 'cluster-2',
    serviceAccount: 'default',
    canonicalName: '',
    canonicalRevision: '',
    workloadName: '',
    workloadType: 'pod',
    networkGateway: gateway,
    ...memberOf(of),
    ...more,
  });
}

/** A network gateway of the other network, known by its address. */
export function farGateway(ip = '10.9.0.2', more: Partial<Workload> = {}): Workload {
  return pod('eastwest', ip, { uid: `NetworkGateway/${FAR}/${ip}`, namespace: 'istio-system', network: FAR, ...more });
}

export function service(name: string, vip: string, more: Partial<Service> = {}): Service {
  const namespace = more.namespace ?? 'shop';
  const hostname = `${name}.${namespace}.svc.cluster.local`;
  return {
    key: `${namespace}/${hostname}`,
    name,
    namespace,
    hostname,
    addresses: vip === '' ? [] : [{ network: OWN, ip: vip }],
    ports: [port(80, 8080)],
    subjectAltNames: [],
    ipFamilies: 'automatic',
    canonical: true,
    ingressUseWaypoint: false,
    visibility: 'public',
    ...more,
  };
}

export function port(servicePort: number, targetPort: number): ServicePort {
  return { servicePort, targetPort, appProtocol: 'http11' };
}

/** Membership with the service's own port mapping. */
export function memberOf(...services: readonly Service[]): Pick<Workload, 'services'> {
  return { services: new Map(services.map(({ key, ports }) => [key, ports])) };
}

export function atAddress(ip: string, network = OWN, hboneMtlsPort = 15008): GatewayAddress {
  return { destination: { kind: 'address', address: { network, ip } }, hboneMtlsPort };
}

export function atService({ namespace, hostname }: Service, hboneMtlsPort = 15008): GatewayAddress {
  return { destination: { kind: 'hostname', name: { namespace, hostname } }, hboneMtlsPort };
}

export function spiffe(namespace: string, account: string): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${account}`;
}

export const NO_MATCH: PolicyMatch = {
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

/** The plan in one line: kind, where to, what is asked there, who may answer (`namespace/account`). */
export function line(plan: Plan): string {
  switch (plan.kind) {
    case 'refuse':
      return `refuse ${plan.fault}`;
    case 'direct':
      return `direct ${plan.address.host}:${plan.address.port}`;
    case 'tunnel':
      return `${plan.via} ${at(plan.hop)} asks ${plan.authority}`;
    case 'nested':
      return `nested ${at(plan.outer)} asks ${plan.authority} of ${short(plan.innerExpected)}`;
  }
}

function at({ address, expected }: Hop): string {
  return `${address.host}:${address.port} as ${short(expected)}`;
}

function short(identities: readonly string[]): string {
  return identities.map((id) => id.replace(/^spiffe:\/\/cluster\.local\/ns\/(.*)\/sa\//, '$1/')).join('|');
}

/** Draws the first eligible endpoint. */
export const first = () => 0;
/** Draws the last eligible endpoint. */
export const last = () => 0.999_999;
