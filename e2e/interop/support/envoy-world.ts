/**
 * What stands beside the lab for tests with Envoy: pods that are Envoys, pods of ours that they call, and the objects that tell the
 * control planes of them. Addresses are of the lab's own slice, above those it uses itself.
 */
import type { HostPort, World } from '@isthmus/tools/lab';
import type { Http2Settings } from './envoy-http.js';
import type { Part } from './envoy-parts.js';

export type ClusterId = 'east' | 'west';

export const NAMESPACE = 'shop';
export const HBONE_PORT = 15008;
/** Of services, and of what serves behind them. */
export const ECHO = { port: 9700, targetPort: 9701 } as const;
export const WEB = { port: 9800, targetPort: 9801 } as const;

export function spiffe(serviceAccount: string, namespace = NAMESPACE): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
}

export function hostname(service: string): string {
  return `${service}.${NAMESPACE}.svc.cluster.local`;
}

/** By which an echo is asked for from another network. */
export function authorityOf(service: string): string {
  return `${hostname(service)}:${ECHO.port}`;
}

/** An Envoy that accepts tunnels for its pod, as a sidecar or a waypoint of Istio's does. */
export interface Server {
  readonly name: string;
  readonly host: number;
  readonly http2?: Http2Settings;
  readonly maxRequestsPerConnection?: number;
  readonly drainTimeout?: string;
  /** Whose certificate it shows; default its pod's, `envoy`. */
  readonly shows?: string;
  /** Which client it accepts; default east's storefront. */
  readonly accepts?: string;
  /** An RBAC filter of its denies every tunnel. */
  readonly denies?: true;
  /** Nobody listens where its tunnels are to lead. */
  readonly isDead?: true;
}

/** The least Envoy takes; its own windows are of 256 MiB. */
export const SMALL = {
  streamWindow: 65_535,
  connectionWindow: 65_535,
  headerTable: 0,
} as const satisfies Http2Settings;

export const SERVERS = [
  { name: 'envoy-server', host: 60 },
  { name: 'envoy-few', host: 61, http2: { maxConcurrentStreams: 4 } },
  // The last GOAWAY comes right after the first, so that CONNECTs under way are beyond it.
  { name: 'envoy-goaway', host: 62, maxRequestsPerConnection: 3, drainTimeout: '0.001s' },
  { name: 'envoy-small', host: 63, http2: SMALL },
  { name: 'envoy-oghttp2', host: 67, http2: { oghttp2: true } },
  { name: 'envoy-idle', host: 64, http2: { keepalive: { interval: '0.5s', timeout: '10s' } } },
  { name: 'envoy-impostor', host: 65, shows: 'envoy-other' },
  { name: 'envoy-strict', host: 66, accepts: 'nobody' },
  { name: 'envoy-rbac', host: 68, denies: true },
  { name: 'envoy-dead', host: 69, isDead: true },
] as const satisfies readonly Server[];

/** Pods whose tunnels our ztunnels accept. */
const OURS = {
  east: [{ name: 'near-echo', host: 80 }],
  west: [
    { name: 'far-echo', host: 80 },
    { name: 'far-echo', host: 81 },
  ],
} as const satisfies Readonly<Record<ClusterId, readonly { readonly name: string; readonly host: number }[]>>;

/** Of the Envoys that accept nothing by HBONE: where they listen, and their admin pages. */
const HOSTS = { admin: 59, web: 70, client: 71, application: 90 } as const;

export interface Addresses {
  ip(cluster: ClusterId, host: number): string;
  /** Of pods our ztunnels serve, by cluster. */
  ours(cluster: ClusterId): readonly HostPort[];
  readonly admin: string;
  /** A pod without HBONE that serves HTTP. */
  readonly web: HostPort;
  readonly client: string;
  /** Behind the Envoys that serve. */
  readonly application: HostPort;
}

export function addressesOf({ clusters }: World): Addresses {
  const ip = (cluster: ClusterId, host: number) => clusters[cluster].controlPlaneIp.replace(/\d+$/, String(host));
  return {
    ip,
    ours: (cluster) => OURS[cluster].map(({ host }) => ({ host: ip(cluster, host), port: ECHO.targetPort })),
    admin: ip('east', HOSTS.admin),
    web: { host: ip('east', HOSTS.web), port: WEB.targetPort },
    client: ip('east', HOSTS.client),
    application: { host: ip('east', HOSTS.application), port: ECHO.targetPort },
  };
}

/** JSON is YAML. */
export function envoyManifests(world: World, cluster: ClusterId): string {
  return objects(world, cluster)
    .map((each) => JSON.stringify(each))
    .join('\n---\n');
}

function objects(world: World, cluster: ClusterId): readonly Part[] {
  const addresses = addressesOf(world);
  const { node } = world.clusters[cluster];
  const ours = OURS[cluster].map(({ name, host }) =>
    pod({ name: `${name}-${host}`, app: name, ip: addresses.ip(cluster, host), node, serviceAccount: name }),
  );
  const services = [...new Set(OURS[cluster].map(({ name }) => name))].map((name) =>
    service({ name, vip: vip(world, cluster, name), global: cluster === 'west' }),
  );
  if (cluster === 'west') return [...ours, ...services];
  return [
    ...ours,
    ...services,
    ...SERVERS.flatMap(({ name, host }) => [
      // On a node of its own, where no ztunnel of ours listens for it.
      pod({ name, app: name, ip: addresses.ip('east', host), node: 'envoy-node', serviceAccount: 'envoy' }),
      service({ name, vip: vip(world, 'east', name) }),
    ]),
    pod({
      name: 'envoy-web',
      app: 'envoy-web',
      ip: addresses.web.host,
      node: 'envoy-node',
      serviceAccount: 'envoy',
      annotations: {},
      labels: OUTSIDE,
    }),
    webService('envoy-web', vip(world, 'east', 'envoy-web')),
  ];
}

const NAMES = [...SERVERS.map(({ name }) => name), 'near-echo', 'far-echo', 'envoy-web'];

/** The address a service has; nobody binds it. */
function vip({ clusters }: World, cluster: ClusterId, name: string): string {
  const [first, second, third] = clusters[cluster].controlPlaneIp.split('.');
  return `${first}.${second}.${100 + Number(third)}.${60 + NAMES.indexOf(name)}`;
}

interface PodFacts {
  readonly name: string;
  readonly app: string;
  readonly ip: string;
  readonly node: string;
  readonly serviceAccount: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

const CAPTURED = { 'ambient.istio.io/redirection': 'enabled' };
const OUTSIDE = { 'istio.io/dataplane-mode': 'none' };

function pod({ name, app, ip, node, serviceAccount, annotations = CAPTURED, labels = {} }: PodFacts): Part {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels: { app, version: 'v1', ...labels }, annotations },
    spec: { nodeName: node, serviceAccountName: serviceAccount, containers: [{ name: app }] },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

function service({ name, vip, global = false }: { name: string; vip: string; global?: boolean }): Part {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE, labels: global ? { 'istio.io/global': 'true' } : {} },
    spec: { clusterIP: vip, selector: { app: name }, ports: [{ name: 'tcp', ...ECHO, appProtocol: 'tcp' }] },
  };
}

/** Behind the lab's waypoint. */
function webService(name: string, vip: string): Part {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE, labels: { 'istio.io/use-waypoint': 'waypoint' } },
    spec: {
      clusterIP: vip,
      selector: { app: name },
      ports: [{ name: 'http', ...WEB, appProtocol: 'http' }],
    },
  };
}
