/**
 * The world of the lab as data: two clusters on two networks, what runs where, who calls whom and through what. Everything
 * else (manifests, processes, traffic, expectations) is derived from this page.
 */
import type { Slice } from './address-plan.js';

export const CLUSTER_IDS = ['east', 'west'] as const;
export type ClusterId = (typeof CLUSTER_IDS)[number];
export const NETWORKS: Readonly<Record<ClusterId, string>> = { east: 'network-1', west: 'network-2' };

export const MESH_NAMESPACE = 'istio-system';
export const SHOP_NAMESPACE = 'shop';
export const TRUST_DOMAIN = 'cluster.local';

export interface ServiceSpec {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  /** The app whose pods serve. */
  readonly app: AppName;
  readonly global: boolean;
  /** Name of the waypoint Gateway. */
  readonly waypoint?: string;
}

const APP_NAMES = ['storefront', 'reviews', 'ratings', 'recommendations', 'ledger'] as const;
export type AppName = (typeof APP_NAMES)[number];

/**
 * Every path of the mission is crossed by one of these:
 * reviews          a waypoint in each cluster; east's balances over the pods of both networks
 * ratings          its waypoint is in west only: east's ztunnel goes to it through west's gateway
 * recommendations  east's waypoint, then west's gateway, then the pod
 * ledger           no waypoint: ztunnel to ztunnel through west's gateway
 * audit            the ledger's pods under a name that is not exported: east must not reach it
 */
export const SERVICES: readonly ServiceSpec[] = [
  { name: 'storefront', app: 'storefront', port: 80, targetPort: 8080, protocol: 'http', global: false },
  {
    name: 'reviews',
    app: 'reviews',
    port: 9080,
    targetPort: 9081,
    protocol: 'http',
    global: true,
    waypoint: 'waypoint',
  },
  {
    name: 'ratings',
    app: 'ratings',
    port: 9080,
    targetPort: 9082,
    protocol: 'http',
    global: true,
    waypoint: 'ratings-waypoint',
  },
  {
    name: 'recommendations',
    app: 'recommendations',
    port: 9090,
    targetPort: 9091,
    protocol: 'grpc',
    global: true,
    waypoint: 'waypoint',
  },
  { name: 'ledger', app: 'ledger', port: 9400, targetPort: 9401, protocol: 'tcp', global: true },
  { name: 'audit', app: 'ledger', port: 9500, targetPort: 9401, protocol: 'tcp', global: false },
];

interface ClusterSpec {
  /** The apps with their version; versions differ between clusters, so that a label on the wrong end shows. */
  readonly apps: Partial<Readonly<Record<AppName, string>>>;
  readonly waypoints: readonly string[];
}

const CLUSTERS: Readonly<Record<ClusterId, ClusterSpec>> = {
  east: { apps: { storefront: 'v1', reviews: 'v1' }, waypoints: ['waypoint'] },
  west: {
    apps: { storefront: 'v2', reviews: 'v2', ratings: 'v1', recommendations: 'v1', ledger: 'v1' },
    waypoints: ['waypoint', 'ratings-waypoint'],
  },
};

/** Which services each app calls; the AuthorizationPolicy and the static listeners follow from it. */
export const CALLS: Readonly<Record<AppName, readonly string[]>> = {
  storefront: ['reviews', 'recommendations', 'ledger', 'audit'],
  reviews: ['ratings'],
  ratings: [],
  recommendations: [],
  ledger: [],
};

export interface Pod {
  readonly name: string;
  readonly namespace: string;
  /** The Deployment; also what metrics call the workload. */
  readonly workload: string;
  readonly app: string;
  readonly version: string;
  readonly serviceAccount: string;
  readonly ip: string;
}
export interface AppPod extends Pod {
  readonly app: AppName;
  readonly listenPort: number;
}
export interface GatewayPod extends Pod {
  readonly role: 'waypoint' | 'east-west-gateway';
}

/** How the ztunnels of a lab stand for its pods: one for all of a cluster's, or one in each pod, which captures. */
export type ZtunnelPlacement = 'node' | 'pod';

export interface Ztunnel {
  /** `ztunnel`, or `ztunnel-reviews` where each pod has one. */
  readonly name: string;
  /** The pod it runs in, and by whose service account the control plane knows it. */
  readonly pod: Pod;
  readonly speaksFor: readonly AppPod[];
}

export interface Cluster {
  readonly id: ClusterId;
  readonly network: string;
  readonly node: string;
  readonly controlPlaneIp: string;
  /** Of the node; nothing runs in it where each pod has a ztunnel of its own. */
  readonly ztunnel: Pod;
  readonly placement: ZtunnelPlacement;
  readonly ztunnels: readonly Ztunnel[];
  readonly apps: readonly AppPod[];
  readonly gateways: readonly GatewayPod[];
  /** Services defined here, with the address each has here. */
  readonly services: readonly (ServiceSpec & { readonly vip: string })[];
}

export interface World {
  readonly clusters: Readonly<Record<ClusterId, Cluster>>;
}

export const EAST_WEST_GATEWAY = 'istio-eastwestgateway';

/** `eastWestGateways`: of each network, 1 to 10. */
export function buildWorld(slice: Slice, eastWestGateways = 1, placement: ZtunnelPlacement = 'node'): World {
  const cluster = (id: ClusterId) => buildCluster(id, slice, eastWestGateways, placement);
  return { clusters: { east: cluster('east'), west: cluster('west') } };
}

/** Name of the nth east-west gateway of a network, from 1. */
export function gatewayName(number: number): string {
  return number === 1 ? EAST_WEST_GATEWAY : `${EAST_WEST_GATEWAY}-${number}`;
}

export function clustersOf(world: World): readonly Cluster[] {
  return CLUSTER_IDS.map((id) => world.clusters[id]);
}

/** The app's pod in that cluster; throws when the topology has none, which is a mistake of the caller. */
export function podOf(world: World, cluster: ClusterId, app: AppName): AppPod {
  const pod = world.clusters[cluster].apps.find((candidate) => candidate.app === app);
  if (!pod) throw new Error(`${app} does not run in ${cluster}`);
  return pod;
}

export function serviceHostname(name: string): string {
  return `${name}.${SHOP_NAMESPACE}.svc.cluster.local`;
}

export function spiffeOf({ namespace, serviceAccount }: Pick<Pod, 'namespace' | 'serviceAccount'>): string {
  return `spiffe://${TRUST_DOMAIN}/ns/${namespace}/sa/${serviceAccount}`;
}

function ztunnelsOf(placement: ZtunnelPlacement, node: Pod, apps: readonly AppPod[]): readonly Ztunnel[] {
  if (placement === 'node') return [{ name: 'ztunnel', pod: node, speaksFor: apps }];
  return apps.map((pod) => ({ name: `ztunnel-${pod.app}`, pod, speaksFor: [pod] }));
}

/**
 * Where apps name services themselves, a service of the other cluster has to be defined here too, without pods: nobody
 * else gives its name an address. Kubernetes' DNS asks the same of a mesh of several clusters.
 */
function isDefined({ app, global }: ServiceSpec, { apps }: ClusterSpec, placement: ZtunnelPlacement): boolean {
  return apps[app] !== undefined || (placement === 'pod' && global);
}

function buildCluster(id: ClusterId, addresses: Slice, eastWestGateways: number, placement: ZtunnelPlacement): Cluster {
  const index = 1 + CLUSTER_IDS.indexOf(id);
  const { apps, waypoints } = CLUSTERS[id];
  const ip = (host: number) => addresses.pod(index, host);
  const gateway = (role: GatewayPod['role'], name: string, host: number): GatewayPod => ({
    ...pod(role === 'waypoint' ? SHOP_NAMESPACE : MESH_NAMESPACE, name, 'latest', name, ip(host)),
    role,
  });
  const ztunnel = pod(MESH_NAMESPACE, 'ztunnel', 'latest', 'ztunnel', ip(2));
  const appPods = APP_NAMES.flatMap((app, host) => {
    const version = apps[app];
    if (version === undefined) return [];
    const listenPort = SERVICES.find((service) => service.app === app)?.targetPort ?? 0;
    return [{ ...pod(SHOP_NAMESPACE, `${app}-${version}`, version, app, ip(20 + host)), app, listenPort }];
  });
  return {
    id,
    network: NETWORKS[id],
    node: `${id}-node`,
    controlPlaneIp: ip(1),
    ztunnel,
    placement,
    ztunnels: ztunnelsOf(placement, ztunnel, appPods),
    gateways: [
      ...Array.from({ length: eastWestGateways }, (_, index) =>
        gateway('east-west-gateway', gatewayName(index + 1), index === 0 ? 10 : 40 + index),
      ),
      ...waypoints.map((name, host) => gateway('waypoint', name, 11 + host)),
    ],
    apps: appPods,
    services: SERVICES.flatMap((service, host) =>
      isDefined(service, CLUSTERS[id], placement) ? [{ ...service, vip: addresses.vip(index, 20 + host) }] : [],
    ),
  };
}

/** Named as the controllers of Kubernetes would: deployment, template hash, a suffix. */
function pod(namespace: string, workload: string, version: string, app: string, ip: string): Pod {
  const name = `${workload}-${TEMPLATE_HASH}-${ip.split('.').at(-1)?.padStart(5, 'x')}`;
  return { name, namespace, workload, app, version, serviceAccount: app, ip };
}

/** Kubernetes derives it from the pod template; here all share one. */
export const TEMPLATE_HASH = '6f8d9c7b54';
