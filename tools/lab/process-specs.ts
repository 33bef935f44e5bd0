/**
 * How each program of the lab is started: the environment of every process as a pure function of the world and of where
 * its files are. Nothing of the user's own environment is passed on, so that a NETWORK or LOG_LEVEL set elsewhere does
 * not change the lab.
 */
import type { LabFiles } from './files.js';
import type { ProcessSpec } from './processes.js';
import type { Programs } from './programs.js';
import {
  type AppPod,
  CALLS,
  type Cluster,
  clustersOf,
  type GatewayPod,
  type Pod,
  SERVICES,
  SHOP_NAMESPACE,
  serviceHostname,
  TRUST_DOMAIN,
  type World,
  type Ztunnel,
} from './topology.js';

export const TOKEN_ISSUER = 'isthmus-lab';
export const TOKEN_AUDIENCE = 'istio-ca';
/** Where control planes take each other's streams. */
export const PEER_PORT = 15_013;

export interface ProxyOptions {
  readonly baggage: boolean;
  readonly logLevel: string;
  /** By the names of their environment variables; they win over those of the lab. */
  readonly settings: Readonly<Record<string, string>>;
  /** Of ztunnels only. */
  readonly ztunnelSettings: Readonly<Record<string, string>>;
}

/** `east/ztunnel`, `west/ratings-waypoint`, `east/reviews` */
export function processName(cluster: Cluster, pod: Pick<Pod, 'app'>): string {
  return `${cluster.id}/${pod.app}`;
}

export function controlPlaneName(cluster: Cluster): string {
  return `${cluster.id}/control-plane`;
}

export function ztunnelName(cluster: Cluster, { name }: Ztunnel): string {
  return `${cluster.id}/${name}`;
}

/** Pods a proxy runs in. */
export function proxyPods(cluster: Cluster): readonly Pod[] {
  return [...cluster.ztunnels.map(({ pod }) => pod), ...cluster.gateways];
}

export interface ProxyProcess {
  readonly process: string;
  /** Whose series its series are: the ztunnels of a cluster are one to whoever looks at metrics. */
  readonly proxy: string;
  readonly cluster: Cluster;
  /** The address its metrics and readiness are on. */
  readonly ip: string;
}

export function proxiesOf(world: World): readonly ProxyProcess[] {
  return clustersOf(world).flatMap((cluster) => [
    ...cluster.ztunnels.map((ztunnel) => ({
      process: ztunnelName(cluster, ztunnel),
      proxy: `${cluster.id}/ztunnel`,
      cluster,
      ip: ztunnel.pod.ip,
    })),
    ...cluster.gateways.map((pod) => {
      const name = processName(cluster, pod);
      return { process: name, proxy: name, cluster, ip: pod.ip };
    }),
  ]);
}

const BASE_ENV = { PATH: process.env.PATH ?? '', NODE_ENV: 'production' };

/** Ports of the listeners that lead to one service: 1 before the service's port. */
function viaPort(service: { readonly port: number }): number {
  return 10_000 + service.port;
}

function calledBy({ app }: AppPod): readonly (typeof SERVICES)[number][] {
  return SERVICES.filter(({ name }) => CALLS[app].includes(name));
}

export function controlPlaneSpec(programs: Programs, cluster: Cluster, files: LabFiles): ProcessSpec {
  return {
    name: controlPlaneName(cluster),
    program: programs.controlPlane,
    args: ['serve', '--config', files.configuration(cluster)],
    env: BASE_ENV,
  };
}

/** How a control plane learns of the other cluster: its control plane is a peer, or its directory is read. */
export type Remote = 'peers' | 'directories';

/** Settings of `isthmus-control-plane serve`. */
export function controlPlaneConfiguration(world: World, cluster: Cluster, files: LabFiles, remote: Remote): object {
  const host = cluster.controlPlaneIp;
  return {
    clusterId: cluster.id,
    trustDomain: TRUST_DOMAIN,
    sources: (remote === 'peers' ? [cluster] : clustersOf(world)).map((each) => ({
      cluster: each.id,
      network: each.network,
      directory: files.manifests(each),
    })),
    ca: { directory: files.cacerts(cluster) },
    tokens: { issuer: TOKEN_ISSUER, audience: TOKEN_AUDIENCE, keyFile: files.tokenKey(cluster) },
    ...(remote === 'peers' && {
      federation: {
        directory: files.federation(cluster),
        address: `${host}:${PEER_PORT}`,
        listen: { host, port: PEER_PORT },
      },
    }),
    listen: { host },
    serverNames: [host],
    readiness: { host },
    monitoring: { host },
  };
}

/** Where connections are captured an app calls services by their names, and knows of nothing else. */
export function appSpec(programs: Programs, cluster: Cluster, pod: AppPod): ProcessSpec {
  const upstreams = calledBy(pod).flatMap((service) => {
    const variable = service.name.toUpperCase();
    const named = [variable, `${service.name}.${SHOP_NAMESPACE}:${service.port}`];
    const via = [`${variable}_VIA`, `${pod.ip}:${viaPort(service)}`];
    return cluster.placement === 'pod' ? [named] : [named, via];
  });
  return {
    name: processName(cluster, pod),
    program: programs.shop,
    args: [pod.app],
    env: {
      ...BASE_ENV,
      LISTEN: `${pod.ip}:${pod.listenPort}`,
      CLUSTER: cluster.id,
      POD_NAME: pod.name,
      ...Object.fromEntries(upstreams),
    },
  };
}

/** Loopback in any case: the pod's own address on a lab of loopback addresses, else one per pod of a shared namespace. */
export function adminHost({ placement }: Cluster, { ip }: Pick<Pod, 'ip'>): string {
  return placement === 'node' ? ip : `127.0.0.${ip.split('.').at(-1)}`;
}

function proxyEnv(cluster: Cluster, pod: Pod, files: LabFiles, options: ProxyOptions): Record<string, string> {
  const root = files.rootCertificate;
  return {
    ...BASE_ENV,
    NETWORK: cluster.network,
    CLUSTER_ID: cluster.id,
    POD_NAME: pod.name,
    POD_NAMESPACE: pod.namespace,
    SERVICE_ACCOUNT: pod.serviceAccount,
    INSTANCE_IP: pod.ip,
    TRUST_DOMAIN,
    XDS_ADDRESS: `https://${cluster.controlPlaneIp}:15012`,
    XDS_ROOT_CA: root,
    CA_ROOT_CA: root,
    AUTH_TOKEN: files.token(cluster, pod),
    AMBIENT_ENABLE_BAGGAGE: String(options.baggage),
    ADMIN_ADDRESS: `${adminHost(cluster, pod)}:15000`,
    METRICS_ADDRESS: `${pod.ip}:15020`,
    READINESS_ADDRESS: `${pod.ip}:15021`,
    LOG_LEVEL: options.logLevel,
    LOG_FORMAT: 'json',
    // Nothing in a lab is worth waiting for at the end.
    CONNECTION_TERMINATION_DEADLINE: '1s',
    ...options.settings,
  };
}

/** The group its own traffic is told by, which is not captured: Istio's number. */
export const PROXY_GROUP = 1337;

/** In the pod it speaks for, whose traffic the kernel leads to it. */
export function podZtunnelSpec(
  programs: Programs,
  cluster: Cluster,
  ztunnel: Ztunnel,
  files: LabFiles,
  options: ProxyOptions,
): ProcessSpec {
  const { namespace, name, serviceAccount } = ztunnel.pod;
  return {
    name: ztunnelName(cluster, ztunnel),
    program: programs.proxy,
    args: ['ztunnel'],
    gid: PROXY_GROUP,
    env: {
      PROXY_MODE: 'dedicated',
      PROXY_WORKLOAD_INFO: `${namespace}/${name}/${serviceAccount}`,
      INTERCEPTION_MODE: 'REDIRECT',
      ...proxyEnv(cluster, ztunnel.pod, files, options),
      ...options.ztunnelSettings,
    },
  };
}

export function ztunnelSpec(programs: Programs, cluster: Cluster, files: LabFiles, options: ProxyOptions): ProcessSpec {
  const own = (pod: Pod) => `${pod.namespace}/${pod.name}`;
  const outbound = cluster.apps.flatMap((pod) =>
    calledBy(pod).map(
      (service) => `${own(pod)}@${pod.ip}:${viaPort(service)}=${serviceHostname(service.name)}:${service.port}`,
    ),
  );
  return {
    name: processName(cluster, cluster.ztunnel),
    program: programs.proxy,
    args: ['ztunnel'],
    env: {
      ...proxyEnv(cluster, cluster.ztunnel, files, options),
      NODE_NAME: cluster.node,
      SOCKS5_LISTENERS: cluster.apps.map((pod) => `${own(pod)}@${pod.ip}:15080`).join(','),
      OUTBOUND_LISTENERS: outbound.join(','),
      INBOUND_PLAINTEXT_TARGETS: cluster.apps.map((pod) => `${own(pod)}=${pod.listenPort}`).join(','),
      ...options.ztunnelSettings,
    },
  };
}

export function gatewaySpec(
  programs: Programs,
  cluster: Cluster,
  pod: GatewayPod,
  files: LabFiles,
  options: ProxyOptions,
): ProcessSpec {
  return {
    name: processName(cluster, pod),
    program: programs.proxy,
    args: [pod.role],
    env: proxyEnv(cluster, pod, files, options),
  };
}
