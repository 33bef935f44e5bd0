/**
 * The mesh as the control plane derives it from objects: one immutable model per cluster. Nothing here depends on who
 * looks; that is the projection's business, and so every service keeps a record per cluster until then.
 */
import type {
  Authorization,
  GatewayAddress,
  LoadBalancing,
  Service,
  ServicePort,
  Workload,
} from '@isthmus/sdk/discovery';
import type { Problem } from '../schema/index.js';
import type { ObjectsByKind } from '../sources/index.js';
import type { VipBlock } from '../vip-blocks.js';
import type { ServiceScope } from './export.js';

export interface ServiceRecord {
  /** `namespace/hostname`. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly hostname: string;
  /** In the network of the record's cluster. */
  readonly addresses: readonly { readonly ip: string; readonly length?: number }[];
  readonly ports: readonly ServicePort[];
  readonly subjectAltNames: readonly string[];
  readonly loadBalancing?: LoadBalancing;
  readonly ipFamilies: Service['ipFamilies'];
  readonly canonical: boolean;
  readonly ingressUseWaypoint: boolean;
  readonly waypoint?: GatewayAddress;
  /** Whether this is the Service of a waypoint. */
  readonly isWaypoint: boolean;
  /** Without addresses of its own it gets none, because a label says so. */
  readonly staysWithoutAddress?: true;
  /** Whether other networks and clusters may know of it; decided by the cluster that owns the record. */
  readonly scope: ServiceScope;
}

/** A way into a network. */
export interface GatewayRecord {
  readonly namespace: string;
  readonly name: string;
  /** Where it leads. */
  readonly network: string;
  readonly cluster: string;
  readonly trustDomain: string;
  readonly serviceAccount: string;
  readonly address: { readonly kind: 'ip' | 'hostname'; readonly value: string };
  readonly hbonePort: number;
  /**
   * `declared`: an istio-remote Gateway, which its own cluster's clients use; `discovered`: another cluster's
   * istio-east-west.
   */
  readonly source: 'declared' | 'discovered';
  /** False when its pods are known and none is ready. */
  readonly usable: boolean;
}

/** What a cluster's services say that others of its network have to agree with. */
export interface Claim {
  /** An address; with its prefix length, when it is a block. */
  readonly address: string;
  /** Key of the service that has it. */
  readonly key: string;
  /** Key of the waypoint in front of that service. */
  readonly front: string | undefined;
}

/** What one namespace of a cluster comes to. */
export interface NamespaceModel {
  /** What it was derived from. */
  readonly objects: ObjectsByKind;
  /** By key. */
  readonly services: ReadonlyMap<string, ServiceRecord>;
  /** By uid; workloads are members of services of their own namespace only. */
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly gateways: readonly GatewayRecord[];
  /** By xDS name. */
  readonly policies: ReadonlyMap<string, Authorization>;
  readonly problems: readonly Problem[];
  /** Its services that are waypoints, as their own labels have them. */
  readonly waypoints: readonly ServiceRecord[];
  /** Keys of the waypoints in front of its services, and of its exported services; they may be of other namespaces. */
  readonly fronts: readonly string[];
  readonly waypointsNeeded: readonly string[];
  /** Keys of the waypoints in front of services that are not exported. */
  readonly localFronts: readonly string[];
  readonly claims: readonly Claim[];
  /** Uids of its pods that are ingress gateways; absent: none. */
  readonly ingressPods?: readonly string[];
}

export interface ClusterModel {
  readonly id: string;
  readonly network: string;
  readonly trustDomain: string;
  /** In the order of names. */
  readonly namespaces: ReadonlyMap<string, NamespaceModel>;
  /** Of all namespaces. */
  readonly services: ReadonlyMap<string, ServiceRecord>;
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly gateways: readonly GatewayRecord[];
  /** Empty for remote clusters: policies are enforced, and so distributed, where they are written. */
  readonly policies: ReadonlyMap<string, Authorization>;
  /** Warnings: what the objects ask for and does not happen. */
  readonly problems: readonly Problem[];
}

export interface Model {
  /** By id. */
  readonly clusters: ReadonlyMap<string, ClusterModel>;
  /** For services that have no address where they are seen; absent: they get none. */
  readonly vipBlocks?: readonly VipBlock[] | undefined;
}
