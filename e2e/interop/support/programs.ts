/** How each process is started: plain values, nothing of the user's own environment in them. */
import type { Programs } from '@isthmus/tools/lab';
import type { Credentials } from './credentials.js';
import type { Spec } from './processes.js';
import { type ClusterId, loopbackOf, NETWORK, OURS, REAL_IP, TOKEN, TRUST_DOMAIN } from './world.js';

export interface Setting {
  readonly programs: Programs;
  readonly ztunnel: string;
  readonly directory: string;
  readonly credentials: Credentials;
  readonly namespaces: { readonly real: string; readonly ours: string };
}

const CONTROL_PLANE: Readonly<Record<ClusterId, string>> = {
  east: OURS.eastControlPlane,
  west: OURS.westControlPlane,
};

const BASE_ENV = { PATH: process.env.PATH ?? '' };

export function controlPlaneConfiguration({ directory, credentials }: Setting, cluster: ClusterId): object {
  const host = CONTROL_PLANE[cluster];
  return {
    clusterId: cluster,
    trustDomain: TRUST_DOMAIN,
    sources: (['east', 'west'] as const).map((each) => ({
      cluster: each,
      network: NETWORK[each],
      directory: `${directory}/manifests-${each}`,
    })),
    ca: { directory: credentials.cacerts(cluster) },
    tokens: { ...TOKEN, keyFile: credentials.tokenKey(cluster) },
    listen: { host },
    readiness: { host },
    monitoring: { host },
    serverNames: [host],
  };
}

export function controlPlaneSpec({ programs, directory, namespaces }: Setting, cluster: ClusterId): Spec {
  return {
    name: `${cluster}/control-plane`,
    namespace: namespaces.ours,
    command: [process.execPath, programs.controlPlane, 'serve', '--config', `${directory}/${cluster}.yaml`],
    env: BASE_ENV,
  };
}

export interface OurProxy {
  readonly name: string;
  readonly role: 'ztunnel' | 'waypoint' | 'east-west-gateway';
  readonly cluster: ClusterId;
  readonly ip: string;
  readonly pod: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly node: string;
  /** Of a ztunnel: the workload it opens connections for, `namespace/pod`. */
  readonly speaksFor?: string;
}

const gateway = { namespace: 'istio-system', serviceAccount: 'eastwest', node: 'n-gateways' } as const;
const ztunnel = { namespace: 'istio-system', serviceAccount: 'ztunnel' } as const;

// biome-ignore format: a table
export const OUR_PROXIES: readonly OurProxy[] = [
  { name: 'east/ztunnel', role: 'ztunnel', cluster: 'east', ip: OURS.eastZtunnel, pod: 'ztunnel-east', ...ztunnel, node: 'n-t', speaksFor: 'demo/ts-app' },
  { name: 'west/ztunnel', role: 'ztunnel', cluster: 'west', ip: OURS.westZtunnel, pod: 'ztunnel-west', ...ztunnel, node: 'n-b', speaksFor: 'demo/remote-app' },
  { name: 'east/gateway', role: 'east-west-gateway', cluster: 'east', ip: OURS.eastGateway, pod: 'eastwest-east', ...gateway },
  { name: 'west/gateway', role: 'east-west-gateway', cluster: 'west', ip: OURS.westGateway, pod: 'eastwest-west', ...gateway },
  { name: 'east/waypoint', role: 'waypoint', cluster: 'east', ip: OURS.waypoint, pod: 'waypoint-east', namespace: 'demo', serviceAccount: 'waypoint', node: 'n-gateways' },
];

export async function ourProxySpec(setting: Setting, proxy: OurProxy, extra: Spec['env'] = {}): Promise<Spec> {
  const { programs, credentials, namespaces } = setting;
  const loopback = loopbackOf(proxy.ip);
  return {
    name: proxy.name,
    namespace: namespaces.ours,
    command: [process.execPath, programs.proxy, proxy.role],
    env: {
      ...BASE_ENV,
      NETWORK: NETWORK[proxy.cluster],
      CLUSTER_ID: proxy.cluster,
      POD_NAME: proxy.pod,
      POD_NAMESPACE: proxy.namespace,
      SERVICE_ACCOUNT: proxy.serviceAccount,
      INSTANCE_IP: proxy.ip,
      NODE_NAME: proxy.node,
      XDS_ADDRESS: `https://${CONTROL_PLANE[proxy.cluster]}:15012`,
      XDS_ROOT_CA: credentials.rootCertificate,
      AUTH_TOKEN: await credentials.token(proxy),
      ADMIN_ADDRESS: `${loopback}:15000`,
      METRICS_ADDRESS: `${proxy.ip}:15020`,
      READINESS_ADDRESS: `${proxy.ip}:15021`,
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'debug',
      CONNECTION_TERMINATION_DEADLINE: '1s',
      ...(proxy.speaksFor === undefined ? {} : { SOCKS5_LISTENERS: `${proxy.speaksFor}@${loopback}:15080` }),
      ...extra,
    },
  };
}

/** Istio's ztunnel in dedicated mode, for the one workload of its namespace. */
export async function realZtunnelSpec(setting: Setting, extra: Spec['env'] = {}): Promise<Spec> {
  const { credentials, namespaces } = setting;
  const address = `https://${CONTROL_PLANE.east}:15012`;
  const holder = { cluster: 'east', namespace: 'demo', serviceAccount: 'zt', pod: 'zt-app', node: 'n-z' } as const;
  return {
    name: 'real/ztunnel',
    namespace: namespaces.real,
    command: [setting.ztunnel],
    env: {
      ...BASE_ENV,
      PROXY_MODE: 'dedicated',
      PROXY_WORKLOAD_INFO: 'demo/zt-app/zt',
      POD_NAME: 'zt-app',
      POD_NAMESPACE: 'demo',
      INSTANCE_IP: REAL_IP,
      NETWORK: NETWORK.east,
      CLUSTER_ID: 'east',
      XDS_ADDRESS: address,
      CA_ADDRESS: address,
      XDS_ROOT_CA: credentials.rootCertificate,
      CA_ROOT_CA: credentials.rootCertificate,
      AUTH_TOKEN: await credentials.token(holder),
      UNSTABLE_ENABLE_SOCKS5: 'true',
      // There is no redirection by iptables here, which keeping the client's address needs.
      ENABLE_ORIG_SRC: 'false',
      IPV6_ENABLED: 'false',
      ISTIO_META_DNS_CAPTURE: 'false',
      LOG_FORMAT: 'json',
      RUST_LOG: 'info,access=debug',
      ...extra,
    },
  };
}
