/**
 * The Kubernetes objects of one cluster of the lab, as a user would have them: one list of plain objects, and their YAML.
 * Pods carry the status that a kubelet would report, Gateways the address that a controller would.
 */
import { stringify } from 'yaml';
import {
  type AppPod,
  CALLS,
  type Cluster,
  type GatewayPod,
  MESH_NAMESPACE,
  type Pod,
  SERVICES,
  SHOP_NAMESPACE,
  serviceHostname,
  spiffeOf,
  TEMPLATE_HASH,
} from './topology.js';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** File name to objects. A file per concern, so that one of them can be edited or broken while the mesh runs. */
export function manifestsOf(cluster: Cluster): Readonly<Record<string, readonly Manifest[]>> {
  return {
    'namespaces.yaml': [
      namespace(MESH_NAMESPACE, { 'topology.istio.io/network': cluster.network }),
      namespace(SHOP_NAMESPACE, { 'istio.io/dataplane-mode': 'ambient' }),
    ],
    'services.yaml': cluster.services.map(service),
    'pods.yaml': cluster.apps.map((pod) => podManifest(cluster, pod, { 'ambient.istio.io/redirection': 'enabled' })),
    'mesh.yaml': [
      ...(cluster.placement === 'node' ? [podManifest(cluster, cluster.ztunnel, {})] : []),
      ...cluster.gateways.flatMap((gateway) => gatewayManifests(cluster, gateway)),
    ],
    'policy.yaml': cluster.apps.flatMap(authorizationPolicy),
  };
}

export function toYaml(manifests: readonly Manifest[]): string {
  return manifests.map((manifest) => stringify(manifest)).join('---\n');
}

function namespace(name: string, labels: Readonly<Record<string, string>>): Manifest {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function service({
  name,
  vip,
  port,
  targetPort,
  protocol,
  app,
  global,
  waypoint,
}: Cluster['services'][number]): Manifest {
  const labels = {
    app: name,
    ...(global ? { 'istio.io/global': 'true' } : {}),
    ...(waypoint === undefined ? {} : { 'istio.io/use-waypoint': waypoint }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: SHOP_NAMESPACE, labels },
    spec: {
      clusterIP: vip,
      clusterIPs: [vip],
      selector: { app },
      ports: [{ name: protocol, port, targetPort, protocol: 'TCP', appProtocol: protocol }],
    },
  };
}

function podManifest(cluster: Cluster, pod: Pod, annotations: Record<string, string>, labels = {}): Manifest {
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: `${pod.workload}-${TEMPLATE_HASH}`,
    controller: true,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod.name,
      generateName: `${owner.name}-`,
      namespace: pod.namespace,
      labels: { app: pod.app, version: pod.version, 'pod-template-hash': TEMPLATE_HASH, ...labels },
      annotations,
      ownerReferences: [owner],
    },
    spec: { nodeName: cluster.node, serviceAccountName: pod.serviceAccount, containers: [{ name: pod.app }] },
    status: {
      phase: 'Running',
      podIP: pod.ip,
      podIPs: [{ ip: pod.ip }],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

/** The Gateway, and what its deployment controller would have made of it: a Service and a Pod. */
function gatewayManifests(cluster: Cluster, gateway: GatewayPod): readonly Manifest[] {
  const { app: name, namespace: inNamespace, ip, role } = gateway;
  const managed = role === 'waypoint' ? 'istio.io-mesh-controller' : 'istio.io-eastwest-controller';
  const labels = { 'gateway.networking.k8s.io/gateway-name': name, 'gateway.istio.io/managed': managed };
  const network = { 'topology.istio.io/network': cluster.network };
  const resource: Manifest = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: {
      name,
      namespace: inNamespace,
      labels: role === 'waypoint' ? { 'istio.io/waypoint-for': 'service' } : network,
    },
    spec: {
      gatewayClassName: role === 'waypoint' ? 'istio-waypoint' : 'istio-east-west',
      listeners: [role === 'waypoint' ? MESH_LISTENER : CROSS_NETWORK_LISTENER],
    },
    status: {
      addresses: [
        role === 'waypoint' ? { type: 'Hostname', value: serviceHostname(name) } : { type: 'IPAddress', value: ip },
      ],
    },
  };
  const front: Manifest = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: inNamespace, labels },
    spec: {
      clusterIP: vipBeside(ip),
      clusterIPs: [vipBeside(ip)],
      selector: { 'gateway.networking.k8s.io/gateway-name': name },
      ports: [{ name: 'mesh', port: 15008, targetPort: 15008, protocol: 'TCP', appProtocol: 'hbone' }],
    },
  };
  return [resource, front, podManifest(cluster, gateway, {}, labels)];
}

const MESH_LISTENER = { name: 'mesh', port: 15008, protocol: 'HBONE' };
const CROSS_NETWORK_LISTENER = {
  name: 'cross-network',
  port: 15008,
  protocol: 'HBONE',
  tls: { mode: 'Terminate', options: { 'gateway.istio.io/tls-terminate-mode': 'ISTIO_MUTUAL' } },
};

/** The service address of a gateway: its pod's, in the range of services. */
function vipBeside(podIp: string): string {
  const [first, second, cluster, host] = podIp.split('.');
  return `${first}.${second}.${100 + Number(cluster)}.${host}`;
}

/** Allows what the topology calls, from wherever it is called, and with that denies the rest. One per app that is called. */
function authorizationPolicy({ app, listenPort }: AppPod): readonly Manifest[] {
  const principals = callersOf(app).map((serviceAccount) =>
    spiffeOf({ namespace: SHOP_NAMESPACE, serviceAccount }).replace('spiffe://', ''),
  );
  if (principals.length === 0) return [];
  return [
    {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: `${app}-callers`, namespace: SHOP_NAMESPACE },
      spec: {
        selector: { matchLabels: { app } },
        action: 'ALLOW',
        rules: [{ from: [{ source: { principals } }], to: [{ operation: { ports: [String(listenPort)] } }] }],
      },
    },
  ];
}

/** Service accounts: a service with a waypoint is called by the waypoint, the others by their callers themselves. */
function callersOf(app: string): readonly string[] {
  const callers = SERVICES.filter((spec) => spec.app === app).flatMap(({ name, waypoint }) =>
    waypoint === undefined
      ? Object.entries(CALLS).flatMap(([caller, called]) => (called.includes(name) ? [caller] : []))
      : [waypoint],
  );
  return [...new Set(callers)];
}
