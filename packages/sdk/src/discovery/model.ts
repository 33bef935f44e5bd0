/**
 * The mesh as a proxy knows it: workloads, services and policies, decoded from xDS and validated. Values are immutable;
 * an update replaces the object. Field meanings follow istio.workload and istio.security; defaults are ztunnel's
 * (empty trust domain is `cluster.local`, empty service account `default`, empty cluster id `Kubernetes`).
 */
import type { WorkloadType } from '../wire/workload-type.js';

export interface NetworkAddress {
  readonly network: string;
  /** Canonical text of an IPv4 or IPv6 address. */
  readonly ip: string;
  /** Prefix length; absent for a host address. */
  readonly length?: number;
}

export interface NamespacedHostname {
  readonly namespace: string;
  readonly hostname: string;
}

/** Where a waypoint or a network gateway is. */
export interface GatewayAddress {
  readonly destination:
    | { readonly kind: 'address'; readonly address: NetworkAddress }
    | { readonly kind: 'hostname'; readonly name: NamespacedHostname };
  readonly hboneMtlsPort: number;
}

/** A waypoint that is drawn with probability `weight` / sum of weights, once per connection. */
export interface WeightedWaypoint {
  readonly destination: GatewayAddress;
  readonly weight: number;
}

export type AppProtocol = 'unknown' | 'http11' | 'http2' | 'grpc' | 'tcp' | 'tls';
export interface ServicePort {
  readonly servicePort: number;
  /** 0: each endpoint maps the port itself. */
  readonly targetPort: number;
  readonly appProtocol: AppProtocol;
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

export interface Workload {
  /** Primary key and xDS resource name. */
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly hostname: string;
  readonly network: string;
  readonly clusterId: string;
  readonly trustDomain: string;
  readonly serviceAccount: string;
  readonly node: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly workloadName: string;
  readonly workloadType: WorkloadType;
  readonly locality: Locality;
  readonly tunnelProtocol: 'none' | 'hbone';
  /** The workload terminates HBONE itself: no ztunnel stands in front of it (waypoints, gateways). */
  readonly nativeTunnel: boolean;
  readonly networkMode: 'standard' | 'host';
  readonly healthy: boolean;
  /** Balancing weight; 0 is never chosen. */
  readonly capacity: number;
  readonly waypoint?: GatewayAddress;
  readonly networkGateway?: GatewayAddress;
  /** Keys `namespace/name` of WORKLOAD_SELECTOR policies that bind here. */
  readonly authorizationPolicies: readonly string[];
  /** Membership by `namespace/hostname`, with the ports as this endpoint maps them. */
  readonly services: ReadonlyMap<string, readonly ServicePort[]>;
  readonly applicationTunnel?: { readonly protocol: 'none' | 'proxy'; readonly port: number };
}

export type RoutingScope = 'region' | 'zone' | 'subzone' | 'node' | 'cluster' | 'network';
export interface LoadBalancing {
  readonly mode: 'standard' | 'strict' | 'failover' | 'passthrough';
  readonly routingPreference: readonly RoutingScope[];
  readonly healthPolicy: 'only-healthy' | 'allow-all';
}

export interface Service {
  /** Primary key `namespace/hostname` and xDS resource name. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly hostname: string;
  readonly addresses: readonly NetworkAddress[];
  readonly ports: readonly ServicePort[];
  /** SPIFFE URIs an endpoint of this service may prove. */
  readonly subjectAltNames: readonly string[];
  readonly waypoint?: GatewayAddress;
  /** Used instead of `waypoint` when any weight is positive. Absent when the service has none. */
  readonly weightedWaypoints?: readonly WeightedWaypoint[];
  readonly loadBalancing?: LoadBalancing;
  readonly ipFamilies: 'automatic' | 'ipv4' | 'ipv6' | 'dual';
  readonly canonical: boolean;
  readonly ingressUseWaypoint: boolean;
  readonly visibility: 'public' | 'namespace';
}

export type StringMatch =
  | { readonly kind: 'exact' | 'prefix' | 'suffix'; readonly value: string }
  | { readonly kind: 'presence' };
export interface CidrMatch {
  readonly ip: string;
  readonly length: number;
}
export interface ServiceAccountMatch {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** One `Match`: attributes are ANDed; within a positive list any hit, within a negative list no hit. */
export interface PolicyMatch {
  readonly namespaces: readonly StringMatch[];
  readonly notNamespaces: readonly StringMatch[];
  readonly principals: readonly StringMatch[];
  readonly notPrincipals: readonly StringMatch[];
  readonly sourceIps: readonly CidrMatch[];
  readonly notSourceIps: readonly CidrMatch[];
  readonly destinationIps: readonly CidrMatch[];
  readonly notDestinationIps: readonly CidrMatch[];
  readonly destinationPorts: readonly number[];
  readonly notDestinationPorts: readonly number[];
  readonly serviceAccounts: readonly ServiceAccountMatch[];
  readonly notServiceAccounts: readonly ServiceAccountMatch[];
}

/** rules (any) of clauses (all) of matches (any). */
export interface Authorization {
  /** `namespace/name` and xDS resource name. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly scope: 'global' | 'namespace' | 'workload-selector';
  readonly action: 'allow' | 'deny';
  readonly rules: readonly (readonly (readonly PolicyMatch[])[])[];
  readonly dryRun: boolean;
}

/** What one xDS resource stands for. */
export type ResourceModel =
  | { readonly kind: 'workload'; readonly value: Workload }
  | { readonly kind: 'service'; readonly value: Service }
  | { readonly kind: 'policy'; readonly value: Authorization };

/**
 * An immutable view of everything received so far, with the indexes that routing needs. A snapshot never changes under
 * its reader; `version` grows by one with each change.
 */
export interface Snapshot {
  readonly version: number;
  workload(uid: string): Workload | undefined;
  /** Workloads on that address; more than one only by mistake or on host networks (those are not indexed). */
  workloadsByAddress(network: string, ip: string): readonly Workload[];
  workloadByHostname(namespace: string, hostname: string): Workload | undefined;
  service(key: string): Service | undefined;
  /** Same hostname in several namespaces. */
  servicesByHostname(hostname: string): readonly Service[];
  /** Services with that exact VIP, else with a CIDR around it. */
  servicesByAddress(network: string, ip: string): readonly Service[];
  /** Services with a CIDR around it, the most specific first. */
  servicesAround(network: string, ip: string): readonly Service[];
  /** Records of that network's gateways themselves (`NetworkGateway/<network>/<address>/<port>`), in the order they came. */
  networkGateways(network: string): readonly Workload[];
  /** Workloads that are members of the service, healthy or not. */
  endpoints(serviceKey: string): readonly Workload[];
  /** Policies that bind to the workload: namespace scope, global scope, then its own list. */
  policiesFor(workload: Workload): PolicySelection;
  workloads(): Iterable<Workload>;
  services(): Iterable<Service>;
  policies(): Iterable<Authorization>;
}

export interface PolicySelection {
  readonly policies: readonly Authorization[];
  /** Keys the workload names but that were never received: whoever enforces fails closed on them. */
  readonly missing: readonly string[];
}
