/** The Kubernetes objects of both clusters, as plain values; what a test changes is a parameter. */
import { type ClusterId, ECHO_PORT, NETWORK, OURS, REAL_IP, VIP, WEB_PORT } from './world.js';

type Labels = Readonly<Record<string, string>>;
export type Manifest = Record<string, unknown>;

export interface Variation {
  /** Names of pods whose condition Ready is False. */
  readonly unready?: readonly string[];
  /** The real ztunnel's workload refuses the account `ts`. */
  readonly denyTs?: boolean;
  /** Objects besides. */
  readonly more?: readonly Manifest[];
}

export function manifestsOf(cluster: ClusterId, variation: Variation): readonly Manifest[] {
  return [...(cluster === 'east' ? east(variation) : west(variation)), ...(variation.more ?? [])];
}

function east(variation: Variation): readonly Manifest[] {
  return [
    ...namespaces('east'),
    podOf(variation, { name: 'zt-app', app: 'zt', ip: REAL_IP, node: 'n-z' }),
    podOf(variation, { name: 'ts-app', app: 'ts', ip: OURS.eastZtunnel, node: 'n-t' }),
    service({ name: 'zt', vip: VIP.zt, app: 'zt', labels: GLOBAL }),
    service({ name: 'ts', vip: VIP.ts, app: 'ts' }),
    headless('zt'),
    service({ name: 'remote', vip: VIP.remoteInEast, app: 'remote', labels: GLOBAL }),
    service({ name: 'ts-web', vip: VIP.tsWeb, app: 'ts', labels: BEHIND_WAYPOINT, web: true }),
    service({ name: 'zt-web', vip: VIP.ztWeb, app: 'zt', labels: BEHIND_WAYPOINT, web: true }),
    ...eastWestGateway(variation, 'east', OURS.eastGateway),
    ...waypoint(variation),
    ...(variation.denyTs ? [DENY_TS] : []),
  ];
}

function west(variation: Variation): readonly Manifest[] {
  return [
    ...namespaces('west'),
    podOf(variation, { name: 'remote-app', app: 'remote', ip: OURS.westZtunnel, node: 'n-b' }),
    service({ name: 'remote', vip: VIP.remoteInWest, app: 'remote', labels: GLOBAL }),
    headless('remote'),
    ...eastWestGateway(variation, 'west', OURS.westGateway),
  ];
}

const GLOBAL: Labels = { 'istio.io/global': 'true' };
const BEHIND_WAYPOINT: Labels = { 'istio.io/use-waypoint': 'waypoint' };
const CAPTURED: Labels = { 'ambient.istio.io/redirection': 'enabled' };

function namespaces(cluster: ClusterId): readonly Manifest[] {
  const namespace = (name: string, labels: Labels) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
  });
  return [
    namespace('istio-system', { 'topology.istio.io/network': NETWORK[cluster] }),
    namespace('demo', { 'istio.io/dataplane-mode': 'ambient' }),
  ];
}

interface PodFacts {
  readonly name: string;
  readonly app: string;
  readonly ip: string;
  readonly node: string;
  readonly namespace?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
}

/** Its service account has the name of the app. */
export function podOf({ unready = [] }: Variation, facts: PodFacts): Manifest {
  const { name, app, ip, node, namespace = 'demo', labels = {}, annotations = CAPTURED } = facts;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app, version: 'v1', ...labels }, annotations },
    spec: {
      nodeName: node,
      serviceAccountName: app,
      hostname: name,
      subdomain: setOf(app),
      containers: [{ name: app, image: 'none' }],
    },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: unready.includes(name) ? 'False' : 'True' }],
    },
  };
}

interface ServiceFacts {
  readonly name: string;
  readonly vip: string;
  readonly app: string;
  readonly labels?: Labels;
  readonly web?: boolean;
}

function service({ name, vip, app, labels = {}, web = false }: ServiceFacts): Manifest {
  const protocol = web ? 'http' : 'tcp';
  const port = { name: protocol, port: 80, targetPort: web ? WEB_PORT : ECHO_PORT, appProtocol: protocol };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'demo', labels: { app: name, ...labels } },
    spec: { clusterIP: vip, selector: { app }, ports: [port] },
  };
}

/** Exported, so that its pods are reached by name from the other network: `<pod>.<app>-set.demo.svc.cluster.local`. */
function headless(app: string): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: setOf(app), namespace: 'demo', labels: GLOBAL },
    spec: { clusterIP: 'None', selector: { app }, ports: [{ name: 'tcp', port: ECHO_PORT }] },
  };
}

function setOf(app: string): string {
  return `${app}-set`;
}

/** Without it istiod takes no gateway of another cluster for one. */
const TERMINATE = { mode: 'Terminate', options: { 'gateway.istio.io/tls-terminate-mode': 'ISTIO_MUTUAL' } };

function eastWestGateway(variation: Variation, cluster: ClusterId, ip: string): readonly Manifest[] {
  const labels = {
    'gateway.networking.k8s.io/gateway-name': 'eastwest',
    'gateway.istio.io/managed': 'istio.io-eastwest-controller',
  };
  const facts = { name: `eastwest-${cluster}`, app: 'eastwest', ip, node: 'n-gateways', namespace: 'istio-system' };
  return [
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: {
        name: 'eastwest',
        namespace: 'istio-system',
        labels: { 'topology.istio.io/network': NETWORK[cluster] },
        annotations: { 'gateway.istio.io/service-account': 'eastwest' },
      },
      spec: {
        gatewayClassName: 'istio-east-west',
        listeners: [{ name: 'cross-network', port: 15008, protocol: 'HBONE', tls: TERMINATE }],
      },
      status: { addresses: [{ type: 'IPAddress', value: ip }] },
    },
    podOf(variation, { ...facts, labels, annotations: {} }),
  ];
}

function waypoint(variation: Variation): readonly Manifest[] {
  const labels = {
    'gateway.networking.k8s.io/gateway-name': 'waypoint',
    'gateway.istio.io/managed': 'istio.io-mesh-controller',
  };
  const port = { name: 'mesh', port: 15008, targetPort: 15008, appProtocol: 'hbone' };
  return [
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'waypoint', namespace: 'demo', labels: { 'istio.io/waypoint-for': 'service' } },
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
      status: { addresses: [{ type: 'Hostname', value: 'waypoint.demo.svc.cluster.local' }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'waypoint', namespace: 'demo', labels },
      spec: {
        clusterIP: VIP.waypoint,
        selector: { 'gateway.networking.k8s.io/gateway-name': 'waypoint' },
        ports: [port],
      },
    },
    podOf(variation, {
      name: 'waypoint-east',
      app: 'waypoint',
      ip: OURS.waypoint,
      node: 'n-gateways',
      labels,
      annotations: {},
    }),
  ];
}

export const DENY_POLICY = 'no-ts';
const DENY_TS = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: DENY_POLICY, namespace: 'demo' },
  spec: {
    selector: { matchLabels: { app: 'zt' } },
    action: 'DENY',
    rules: [{ from: [{ source: { principals: ['cluster.local/ns/demo/sa/ts'] } }] }],
  },
};
