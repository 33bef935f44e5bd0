/** Kubernetes objects as users write them, short. All go through the real reader. */
export type Manifest = Record<string, unknown>;
type Labels = Record<string, string>;

const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';

/** Of a Service in `shop`: `namespace/hostname`. */
export function keyOf(service: string): string {
  return `shop/${service}.shop.svc.cluster.local`;
}

export interface Meta {
  namespace?: string;
  labels?: Labels;
  annotations?: Labels;
  [key: string]: unknown;
}

function meta(name: string, { namespace = 'shop', ...rest }: Meta = {}): Manifest {
  return { name, namespace, ...rest };
}

export function namespace(name: string, labels: Labels = {}): Manifest {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function node(name: string, labels: Labels = {}): Manifest {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } };
}

export function service(name: string, { spec, ...rest }: Meta & { spec?: Manifest } = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(name, rest),
    spec: {
      clusterIP: '10.0.0.1',
      selector: { app: name },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
      ...spec,
    },
  };
}

export interface PodInit extends Meta {
  ip?: string;
  ready?: boolean;
  account?: string;
  node?: string;
  spec?: Manifest;
  status?: Manifest;
}

export function pod(name: string, init: PodInit = {}): Manifest {
  const {
    ip = '10.1.0.1',
    ready = true,
    account = 'default',
    node: nodeName = 'node-1',
    spec,
    status,
    labels,
    ...rest
  } = init;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(name, { labels: { app: name.split('-')[0] ?? name, ...labels }, ...rest }),
    spec: {
      nodeName,
      serviceAccountName: account,
      containers: [{ ports: [{ name: 'web', containerPort: 8080 }] }],
      ...spec,
    },
    status: {
      phase: 'Running',
      podIP: ip,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      ...status,
    },
  };
}

/** As an API server takes it, with the status that a kubelet would give it. */
export function podWithStatus(name: string, init: PodInit & { readonly ip: string }): Manifest {
  const { status, ...rest } = pod(name, init);
  const spec = { ...(rest.spec as Manifest), containers: [{ name: 'app', image: 'none' }] };
  return { ...rest, spec, status: { ...(status as Manifest), podIPs: [{ ip: init.ip }] } };
}

export function account(name: string, inNamespace: string): Manifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: inNamespace } };
}

export function waypoint(name = 'waypoint', { labels, ...rest }: Meta = {}): Manifest[] {
  return [
    gateway(name, 'istio-waypoint', {
      labels: labels ?? {},
      ...rest,
      spec: { listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    }),
    service(name, {
      ...rest,
      spec: {
        clusterIP: '10.0.0.9',
        selector: { [GATEWAY_NAME]: name },
        ports: [{ name: 'mesh', port: 15008 }],
      },
    }),
  ];
}

export function waypointPod(name = 'waypoint', { ip = '10.1.0.9', ...rest }: PodInit = {}): Manifest {
  return pod(`${name}-1`, { ip, account: name, labels: { [GATEWAY_NAME]: name }, ...rest });
}

export function eastWestGateway(network: string, ip: string, name = 'eastwest'): Manifest {
  return gateway(name, 'istio-east-west', {
    namespace: 'istio-system',
    labels: { 'topology.istio.io/network': network },
    spec: { listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE', tls: { mode: 'Terminate' } }] },
    status: { addresses: [{ type: 'IPAddress', value: ip }] },
  });
}

/** An ingress gateway with its pod, as Istio's controller labels them. */
export function ingressGateway(ip: string, name = 'ingress'): Manifest[] {
  const labels = { [GATEWAY_NAME]: name, 'gateway.istio.io/managed': 'istio.io-gateway-controller' };
  return [
    gateway(name, 'istio', { spec: { listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] } }),
    service(name, { spec: { clusterIP: '10.0.0.8', selector: { [GATEWAY_NAME]: name } } }),
    pod(`${name}-1`, { ip, account: name, labels: { ...labels, 'istio.io/dataplane-mode': 'none' } }),
  ];
}

export function gateway(
  name: string,
  gatewayClassName: string,
  init: Meta & { spec?: Manifest; status?: Manifest } = {},
): Manifest {
  const { spec, status, ...rest } = init;
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: meta(name, rest),
    spec: { gatewayClassName, ...spec },
    ...(status && { status }),
  };
}

export function serviceEntry(name: string, spec: Manifest, rest: Meta = {}): Manifest {
  return { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: meta(name, rest), spec };
}

/** A pod with a name of its own, as a StatefulSet makes it. */
export function statefulPod(service: string, ordinal: number, { spec, ...init }: PodInit = {}): Manifest {
  const name = `${service}-${ordinal}`;
  return pod(name, { ...init, spec: { hostname: name, subdomain: service, ...spec } });
}

export function authorizationPolicy(name: string, spec: Manifest, rest: Meta = {}): Manifest {
  return { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata: meta(name, rest), spec };
}

export function peerAuthentication(name: string, spec: Manifest, rest: Meta = {}): Manifest {
  return { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata: meta(name, rest), spec };
}

export const GLOBAL = { 'istio.io/global': 'true' };
export const AMBIENT = { 'istio.io/dataplane-mode': 'ambient' };
