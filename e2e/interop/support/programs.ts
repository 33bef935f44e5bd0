/** How each proxy is started: plain values, nothing of the user's own environment in them. */
import type { Access, Ground } from './control-planes.js';
import type { Spec } from './processes.js';
import { BASE_ENV, type ClusterId, loopbackOf, NETWORK, OURS, REAL_IP } from './world.js';

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

export function ourProxySpec({ programs, namespaces }: Ground, proxy: OurProxy, access: Access): Spec {
  const loopback = loopbackOf(proxy.ip);
  return {
    ...access,
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
      ADMIN_ADDRESS: `${loopback}:15000`,
      METRICS_ADDRESS: `${proxy.ip}:15020`,
      READINESS_ADDRESS: `${proxy.ip}:15021`,
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'debug',
      CONNECTION_TERMINATION_DEADLINE: '1s',
      ...(proxy.speaksFor === undefined ? {} : { SOCKS5_LISTENERS: `${proxy.speaksFor}@${loopback}:15080` }),
      ...access.env,
    },
  };
}

/** Whom the real ztunnel speaks for. */
export const REAL_HOLDER = {
  cluster: 'east',
  namespace: 'demo',
  serviceAccount: 'zt',
  pod: 'zt-app',
  node: 'n-z',
} as const;

/** Istio's ztunnel in dedicated mode, for the one workload of its namespace. */
export function realZtunnelSpec({ namespaces }: Ground, ztunnel: string, access: Access): Spec {
  return {
    ...access,
    name: 'real/ztunnel',
    namespace: namespaces.real,
    command: [ztunnel],
    env: {
      ...BASE_ENV,
      PROXY_MODE: 'dedicated',
      PROXY_WORKLOAD_INFO: 'demo/zt-app/zt',
      POD_NAME: 'zt-app',
      POD_NAMESPACE: 'demo',
      INSTANCE_IP: REAL_IP,
      NETWORK: NETWORK.east,
      CLUSTER_ID: 'east',
      UNSTABLE_ENABLE_SOCKS5: 'true',
      // There is no redirection by iptables here, which keeping the client's address needs.
      ENABLE_ORIG_SRC: 'false',
      IPV6_ENABLED: 'false',
      ISTIO_META_DNS_CAPTURE: 'false',
      LOG_FORMAT: 'json',
      RUST_LOG: 'info,access=debug',
      ...access.env,
    },
  };
}
