/**
 * Pods with names of their own: those of a headless Service whose `spec.subdomain` is its name, as a StatefulSet makes them.
 * `<hostname>.<service>.<namespace>.svc.<domain>` means that one pod. On its own network proxies know the pod itself. From
 * another network a pod can be asked for by nothing but the name of a service, at the gateway as at the pod's ztunnel; so
 * when the headless Service is exported, each such pod is a service too, with one member.
 *
 * Its ports are the pod's own, since nothing maps the ports of a headless Service. Of waypoints the pod's own counts, else
 * that of the Service: what somebody put before it is not gone around by using the longer name.
 */
import type { ServicePort } from '@isthmus/sdk/discovery';
import type { KubeObject } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import { selects } from './labels.js';
import { containerPort, endpointPorts, tcpPorts } from './ports.js';
import { hasEnded } from './readiness.js';
import { serviceKey } from './services.js';
import type { ServiceRecord } from './types.js';
import type { WaypointIndex } from './waypoints.js';

type Pod = KubeObject<'Pod'>;
type Service = KubeObject<'Service'>;

/** One pod as a service. */
export interface NamedPod {
  /** `namespace/hostname`. */
  readonly key: string;
  readonly ports: readonly ServicePort[];
}

export interface NamedPods {
  readonly records: readonly ServiceRecord[];
  of(pod: Pod): NamedPod | undefined;
}

/** `services`: the records of the namespace's Services. */
export function indexNamedPods(
  context: NamespaceContext,
  waypoints: WaypointIndex,
  services: readonly ServiceRecord[],
): NamedPods {
  const exported = new Map(services.filter(({ scope }) => scope === 'global').map((record) => [record.key, record]));
  const headless = new Map(
    context.objects.Service.filter((service) => isHeadless(service) && exported.has(serviceKey(context, service))).map(
      (service) => [service.metadata.name, service],
    ),
  );
  const serviceOf = (pod: Pod): Service | undefined => {
    const { hostname, subdomain } = pod.spec;
    const service = subdomain === '' || hostname === '' ? undefined : headless.get(subdomain);
    return service && !hasEnded(pod) && selects(service.spec.selector, pod.metadata.labels) ? service : undefined;
  };
  const of = (pod: Pod): NamedPod | undefined => {
    const service = headless.size > 0 ? serviceOf(pod) : undefined;
    return service && { key: keyOf(context, pod), ports: portsOf(service, pod) };
  };
  const records = (headless.size > 0 ? context.objects.Pod : []).flatMap((pod) => {
    const named = of(pod);
    const service = named && exported.get(`${pod.metadata.namespace}/${hostnameOf(context, pod.spec.subdomain)}`);
    return service ? [recordOf(pod, named, service, waypoints.forWorkload(pod) ?? service.waypoint)] : [];
  });
  return { records, of };
}

/** Whether the record is one of these. */
export function isNamedPod(record: ServiceRecord): boolean {
  return serviceOfNamedPod(record) !== undefined;
}

/**
 * The key of the headless Service that the record is a pod of; undefined when it is no such record. It can be told from the
 * names alone, also of a record that another cluster told of.
 */
export function serviceOfNamedPod({ canonical, name, namespace, hostname }: ServiceRecord): string | undefined {
  if (!canonical || !hostname.startsWith(`${name}.`)) return undefined;
  const service = hostname.slice(name.length + 1);
  const [, second, third] = service.split('.');
  return second === namespace && third === 'svc' ? `${namespace}/${service}` : undefined;
}

function isHeadless({ spec }: Service): boolean {
  return spec.type === 'ClusterIP' && spec.clusterIP === 'None' && Object.keys(spec.selector).length > 0;
}

function hostnameOf({ namespace, serviceHostname }: NamespaceContext, service: string): string {
  return serviceHostname(service, namespace);
}

function keyOf(context: NamespaceContext, { metadata, spec }: Pod): string {
  return `${metadata.namespace}/${spec.hostname}.${hostnameOf(context, spec.subdomain)}`;
}

function portsOf(service: Service, pod: Pod): readonly ServicePort[] {
  const reached = endpointPorts(tcpPorts(service), (target) => containerPort(pod, target));
  return [...new Map(reached.map((port) => [port.targetPort, { ...port, servicePort: port.targetPort }])).values()];
}

function recordOf(
  { metadata, spec }: Pod,
  { key, ports }: NamedPod,
  { ipFamilies, ingressUseWaypoint, scope }: ServiceRecord,
  waypoint: ServiceRecord['waypoint'],
): ServiceRecord {
  return {
    key,
    name: spec.hostname,
    namespace: metadata.namespace,
    hostname: key.slice(metadata.namespace.length + 1),
    addresses: [],
    ports,
    subjectAltNames: [],
    ipFamilies,
    canonical: true,
    ingressUseWaypoint,
    ...(waypoint && { waypoint }),
    isWaypoint: false,
    scope,
  };
}
