/** Labels, annotations, class names and well-known namespaces; Istio's and Kubernetes' spelling. */

export const LABEL = {
  network: 'topology.istio.io/network',
  region: 'topology.kubernetes.io/region',
  zone: 'topology.kubernetes.io/zone',
  subzone: 'topology.istio.io/subzone',
  dataplaneMode: 'istio.io/dataplane-mode',
  tunnel: 'networking.istio.io/tunnel',
  useWaypoint: 'istio.io/use-waypoint',
  useWaypointNamespace: 'istio.io/use-waypoint-namespace',
  waypointFor: 'istio.io/waypoint-for',
  ingressUseWaypoint: 'istio.io/ingress-use-waypoint',
  gatewayName: 'gateway.networking.k8s.io/gateway-name',
  gatewayManaged: 'gateway.istio.io/managed',
  serviceName: 'kubernetes.io/service-name',
  /** Of a ServiceEntry; Istio's. */
  autoAllocate: 'networking.istio.io/enable-autoallocate-ip',
  podTemplateHash: 'pod-template-hash',
  workloadName: 'service.istio.io/workload-name',
  canonicalName: 'service.istio.io/canonical-name',
  canonicalRevision: 'service.istio.io/canonical-revision',
} as const;

export const ANNOTATION = {
  redirection: 'ambient.istio.io/redirection',
  trafficDistribution: 'networking.istio.io/traffic-distribution',
  dryRun: 'istio.io/dry-run',
  gatewayServiceAccount: 'gateway.istio.io/service-account',
} as const;

export const GATEWAY_CLASS = {
  ingress: 'istio',
  waypoint: 'istio-waypoint',
  eastWest: 'istio-east-west',
  /** A gateway that runs where this control plane reads no objects. */
  remote: 'istio-remote',
} as const;

/** Of a proxy: whether Istio's controller made it as an ingress gateway, or its charts did; istiod's rule (model/context.go). */
export function isIngress(labels: Labels): boolean {
  return labels[LABEL.gatewayManaged] === 'istio.io-gateway-controller' || labels.istio === 'ingressgateway';
}

/** Values of `gatewayManaged` on pods that terminate HBONE themselves. */
export const NATIVE_GATEWAY_MANAGERS: ReadonlySet<string> = new Set([
  'istio.io-mesh-controller',
  'istio.io-eastwest-controller',
]);

/** Policies here bind the whole mesh, and its labels name the cluster's network. */
export const ROOT_NAMESPACE = 'istio-system';

export type Labels = Readonly<Record<string, string>>;

/** Whether `labels` has everything `selector` asks for; a selector that asks for nothing matches all. */
export function selects(selector: Labels, labels: Labels): boolean {
  // A loop, because every pod is held against every selector of its namespace.
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
}
