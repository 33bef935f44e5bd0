/** Kubernetes Services to records. ExternalName Services are DNS aliases, nothing a mesh can carry traffic for. */
import type { Service } from '@isthmus/sdk/discovery';
import { canonicalIp } from '@isthmus/sdk/wire';
import type { KubeObject } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import { LABEL } from './labels.js';
import { deriveLoadBalancing } from './load-balancing.js';
import { declaredPort, tcpPorts } from './ports.js';
import type { ServiceRecord } from './types.js';
import { isWaypoint, type WaypointIndex } from './waypoints.js';

export function deriveServices(context: NamespaceContext, waypoints: WaypointIndex): readonly ServiceRecord[] {
  return context.objects.Service.filter(({ spec }) => spec.type !== 'ExternalName').map((service) =>
    deriveService(context, waypoints, service),
  );
}

export function serviceKey(context: NamespaceContext, { metadata }: KubeObject<'Service'>): string {
  return `${metadata.namespace}/${context.serviceHostname(metadata.name, metadata.namespace)}`;
}

function deriveService(
  context: NamespaceContext,
  waypoints: WaypointIndex,
  service: KubeObject<'Service'>,
): ServiceRecord {
  const { name, namespace, labels } = service.metadata;
  const { namespaceLabels } = context;
  const servesWaypoint = isWaypoint(context.gateways.gatewayOf(service));
  const loadBalancing = deriveLoadBalancing({ service, namespaceLabels, isWaypoint: servesWaypoint });
  const waypoint = waypoints.forService(service);
  return {
    key: serviceKey(context, service),
    name,
    namespace,
    hostname: context.serviceHostname(name, namespace),
    addresses: clusterIps(service).map((ip) => ({ ip })),
    ports: tcpPorts(service).map(declaredPort),
    subjectAltNames: [],
    ...(loadBalancing && { loadBalancing }),
    ipFamilies: familiesOf(service.spec.ipFamilies),
    canonical: true,
    ingressUseWaypoint: isTrue(labels[LABEL.ingressUseWaypoint] ?? namespaceLabels[LABEL.ingressUseWaypoint]),
    ...(waypoint && { waypoint }),
    isWaypoint: servesWaypoint,
    scope: context.scopeOf(labels),
  };
}

export function isTrue(label: string | undefined): boolean {
  return label === 'true';
}

function clusterIps({ spec }: KubeObject<'Service'>): readonly string[] {
  const listed = spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP];
  return listed.flatMap((text) => canonicalIp(text) ?? []);
}

function familiesOf(families: readonly ('IPv4' | 'IPv6')[]): Service['ipFamilies'] {
  if (families.length > 1) return 'dual';
  if (families.length === 0) return 'automatic';
  return families[0] === 'IPv4' ? 'ipv4' : 'ipv6';
}
