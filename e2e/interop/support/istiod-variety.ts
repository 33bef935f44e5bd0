/**
 * Objects that together make istiod fill every field that it fills: nothing in them is called, all of it is read by two
 * ztunnels, who have to understand the same.
 */
import { type Manifest, podOf } from './manifests.js';

type Extra = { readonly labels?: object; readonly annotations?: object };

const of =
  (apiVersion: string, kind: string) =>
  (name: string, spec: object, extra: Extra = {}) =>
    ({ apiVersion, kind, metadata: { name, namespace: 'demo', ...extra }, spec }) satisfies Manifest;
const service = of('v1', 'Service');
const serviceEntry = of('networking.istio.io/v1', 'ServiceEntry');
const workloadEntry = of('networking.istio.io/v1', 'WorkloadEntry');
const policy = of('security.istio.io/v1', 'AuthorizationPolicy');
const peers = of('security.istio.io/v1', 'PeerAuthentication');

const SIDECAR = { 'networking.istio.io/tunnel': 'http' };
const DRY_RUN = { annotations: { 'istio.io/dry-run': 'true' } };
const HTTP = { name: 'http', port: 80, targetPort: 8080 };
const NODE: Manifest = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'n-far',
    labels: {
      'topology.kubernetes.io/region': 'region-1',
      'topology.kubernetes.io/zone': 'zone-2',
      'topology.istio.io/subzone': 'rack-3',
    },
  },
};

const PODS: readonly Manifest[] = [
  podOf({ unready: ['far-1'] }, { name: 'far-1', app: 'far', ip: '10.77.2.1', node: 'n-far' }),
  podOf({}, { name: 'far-2', app: 'far', ip: '10.77.2.2', node: 'n-far', annotations: {} }),
  podOf({}, { name: 'sidecar-1', app: 'far', ip: '10.77.2.3', node: 'n-far', labels: SIDECAR }),
  onHostNetwork(podOf({}, { name: 'agent-1', app: 'agent', ip: '10.77.2.9', node: 'n-far', annotations: {} })),
];

/** A waypoint; how its pod is spoken to is what the annotation says. */
export const canary = (binding: string): readonly Manifest[] => [
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: {
      name: 'canary',
      namespace: 'demo',
      annotations: { 'ambient.istio.io/waypoint-inbound-binding': binding },
    },
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    status: { addresses: [{ type: 'Hostname', value: 'canary.demo.svc.cluster.local' }] },
  },
  podOf(
    {},
    {
      ...{ name: 'canary-1', app: 'canary', ip: '10.77.2.8', node: 'n-far', annotations: {} },
      labels: { 'gateway.networking.k8s.io/gateway-name': 'canary' },
    },
  ),
];

const SERVICES: readonly Manifest[] = [
  service('far', {
    clusterIP: '10.96.97.1',
    selector: { app: 'far' },
    trafficDistribution: 'PreferClose',
    ports: [HTTP],
  }),
  service('far-node', {
    clusterIP: '10.96.97.2',
    selector: { app: 'far' },
    internalTrafficPolicy: 'Local',
    ports: [HTTP],
  }),
  service('far-all', {
    clusterIP: '10.96.97.3',
    selector: { app: 'far' },
    publishNotReadyAddresses: true,
    ports: [
      { ...HTTP, appProtocol: 'kubernetes.io/h2c' },
      { name: 'grpc-api', port: 81, targetPort: 8081 },
      { name: 'tls-db', port: 82, targetPort: 8082 },
      { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
    ],
  }),
  service(
    'far-canary',
    { clusterIP: '10.96.97.4', selector: { app: 'far' }, ports: [HTTP] },
    {
      labels: { 'istio.io/use-waypoint': 'waypoint', 'istio.io/use-waypoint-canary': 'canary' },
      annotations: { 'istio.io/use-waypoint-canary-weight': '20' },
    },
  ),
  service('far-away', { type: 'ExternalName', externalName: 'example.com' }),
];

const ENTRIES: readonly Manifest[] = [
  serviceEntry('blocks', {
    hosts: ['blocks.example.com'],
    addresses: ['240.9.0.0/24', '240.9.1.1'],
    resolution: 'NONE',
    location: 'MESH_EXTERNAL',
    ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
  }),
  serviceEntry('fixed', {
    hosts: ['fixed.example.com', 'fixed2.example.com'],
    addresses: ['240.9.2.1'],
    resolution: 'STATIC',
    subjectAltNames: ['spiffe://cluster.local/ns/demo/sa/fixed'],
    ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 8080 }],
    endpoints: [{ address: '10.77.3.1', ports: { http: 9999 }, locality: 'region-1/zone-1', weight: 7 }],
  }),
  serviceEntry('named', {
    hosts: ['named.example.com'],
    resolution: 'DNS',
    ports: [{ number: 443, name: 'https', protocol: 'HTTPS' }],
  }),
  serviceEntry('chosen', {
    hosts: ['chosen.example.com'],
    addresses: ['240.9.3.1'],
    resolution: 'STATIC',
    workloadSelector: { labels: { app: 'machine' } },
    ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
  }),
  workloadEntry('machine', {
    address: '10.77.3.2',
    labels: { app: 'machine', version: 'v2' },
    serviceAccount: 'machine',
    network: 'net-a',
    locality: 'region-2/zone-1/rack-1',
    weight: 3,
  }),
  workloadEntry('machine-away', { address: 'machine.example.com', labels: { app: 'machine' }, network: 'net-c' }),
];

const POLICIES: readonly Manifest[] = [
  policy('allow-many', {
    selector: { matchLabels: { app: 'far' } },
    action: 'ALLOW',
    rules: [
      {
        from: [
          { source: { principals: ['cluster.local/ns/demo/sa/a', '*'], notPrincipals: ['*/sa/bad'] } },
          { source: { namespaces: ['demo', 'pre*'], notNamespaces: ['*-test'] } },
          { source: { ipBlocks: ['10.0.0.0/8', '192.0.2.1'], notIpBlocks: ['10.1.0.0/16', '2001:db8::/32'] } },
          { source: { serviceAccounts: ['ts', 'demo/zt'], notServiceAccounts: ['demo/other'] } },
        ],
        to: [{ operation: { ports: ['8080', '9000'], notPorts: ['9090'] } }],
        when: [
          { key: 'source.ip', values: ['10.2.0.0/16'] },
          { key: 'destination.port', notValues: ['1234'] },
          { key: 'destination.ip', values: ['10.77.0.0/16'] },
          { key: 'source.namespace', values: ['demo'] },
          { key: 'source.principal', values: ['cluster.local/ns/demo/*'] },
        ],
      },
    ],
  }),
  policy('deny-http', {
    selector: { matchLabels: { app: 'far' } },
    action: 'DENY',
    rules: [{ to: [{ operation: { methods: ['DELETE'], paths: ['/admin*'] } }] }],
  }),
  policy('allow-http', {
    selector: { matchLabels: { app: 'far' } },
    rules: [{ to: [{ operation: { methods: ['GET'] } }] }],
  }),
  policy('allow-nothing', { selector: { matchLabels: { app: 'nobody' } } }),
  policy('deny-all-there', { selector: { matchLabels: { app: 'nobody' } }, action: 'DENY', rules: [{}] }),
  policy('dry', { selector: { matchLabels: { app: 'far' } }, action: 'DENY', rules: [{}] }, DRY_RUN),
];

const PEERS: readonly Manifest[] = [
  peers('strict-far', { selector: { matchLabels: { app: 'far' } }, mtls: { mode: 'STRICT' } }),
  peers('ports-far', {
    selector: { matchLabels: { app: 'agent' } },
    mtls: { mode: 'STRICT' },
    portLevelMtls: { 8080: { mode: 'PERMISSIVE' }, 9090: { mode: 'DISABLE' } },
  }),
  peers('strict-port', {
    selector: { matchLabels: { app: 'machine' } },
    mtls: { mode: 'PERMISSIVE' },
    portLevelMtls: { 8080: { mode: 'STRICT' } },
  }),
];

/** In an order in which an API server takes them. */
export const VARIETY: readonly Manifest[] = [
  NODE,
  ...PODS,
  ...canary('PROXY/15088'),
  ...SERVICES,
  ...ENTRIES,
  ...POLICIES,
  ...PEERS,
];

function onHostNetwork(pod: Manifest): Manifest {
  return { ...pod, spec: { ...(pod.spec as object), hostNetwork: true } };
}
