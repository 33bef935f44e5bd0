/**
 * Small meshes for routing tests: builders with defaults for records, a snapshot by the real store, and plans as one line
 * of text each, so that a table of decisions reads as one.
 */
import type {
  Authorization,
  GatewayAddress,
  ResourceModel,
  Service,
  ServicePort,
  Snapshot,
  Workload,
} from '../../src/discovery/model.js';
import { createStore } from '../../src/discovery/store.js';
import type { Hop, Plan } from '../../src/routing/plan.js';
import { createTestService, createTestWorkload } from '../../src/testing.js';

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
  return createTestWorkload({
    name,
    addresses: ip === '' ? [] : [ip],
    network: OWN,
    serviceAccount: name.split('-')[0] ?? name,
    ...more,
  });
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
  return createTestService({
    name,
    addresses: vip === '' ? [] : [{ network: OWN, ip: vip }],
    ports: [port(80, 8080)],
    ...more,
  });
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
