/** Which services a workload belongs to, with the ports as that workload has them. */
import type { ServicePort } from '@isthmus/sdk/discovery';
import type { KubeObject } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import { selects } from './labels.js';
import type { NamedPods } from './named-pods.js';
import { containerPort, endpointPorts, tcpPorts } from './ports.js';
import { entryKey, entryPorts } from './service-entries.js';
import { serviceKey } from './services.js';
import { sortedMemberships } from './workload.js';

export type Memberships = ReadonlyMap<string, readonly ServicePort[]>;

export interface MembershipIndex {
  ofPod(pod: KubeObject<'Pod'>): Memberships;
  ofWorkloadEntry(entry: KubeObject<'WorkloadEntry'>): Memberships;
  ofEndpointSlice(slice: KubeObject<'EndpointSlice'>): Memberships;
}

type Service = KubeObject<'Service'>;
type Membership = readonly [string, readonly ServicePort[]];

export function indexMemberships(context: NamespaceContext, named: NamedPods): MembershipIndex {
  const { objects } = context;
  const services = groupByNamespace(objects.Service.filter(hasSelector));
  const entries = groupByNamespace(objects.ServiceEntry.filter(({ spec }) => spec.workloadSelector));
  const slicesByPod = indexSlicesByPod(context);
  // Pods of one deployment have equal memberships; they share one map.
  const interned = new Map<string, Memberships>();
  const intern = (entries: readonly Membership[]): Memberships => {
    const key = entries.map(formatMembership).join(' ');
    const known = interned.get(key) ?? sortedMemberships(entries);
    interned.set(key, known);
    return known;
  };

  return {
    ofPod(pod) {
      const { namespace, name, labels } = pod.metadata;
      const selected = (services.get(namespace) ?? []).filter(({ spec }) => selects(spec.selector, labels));
      const membership = (service: Service): Membership => [
        serviceKey(context, service),
        endpointPorts(tcpPorts(service), (target) => containerPort(pod, target)),
      ];
      const own = named.of(pod);
      const ofEntries = (entries.get(namespace) ?? []).flatMap((entry) => entryMembership(entry, labels, {}));
      const ofSlices = slicesByPod.get(`${namespace}/${name}`) ?? [];
      return intern([
        ...ofSlices,
        ...ofEntries,
        ...selected.map(membership),
        ...(own ? [[own.key, own.ports] as const] : []),
      ]);
    },
    ofWorkloadEntry({ metadata, spec }) {
      const labels = { ...metadata.labels, ...spec.labels };
      const selected = (services.get(metadata.namespace) ?? []).filter(({ spec: { selector } }) =>
        selects(selector, labels),
      );
      const membership = (service: Service): Membership => [
        serviceKey(context, service),
        endpointPorts(tcpPorts(service), (target, { port }) => spec.ports[target] ?? port),
      ];
      const ofEntries = (entries.get(metadata.namespace) ?? []).flatMap((entry) =>
        entryMembership(entry, labels, spec.ports),
      );
      return intern([...ofEntries, ...selected.map(membership)]);
    },
    ofEndpointSlice: (slice) => new Map(sliceMembership(context, slice)),
  };
}

/**
 * Whether the Services have the same members, with the same ports: of most that change, the labels do. Pods of headless ones
 * may be services themselves, which is a matter of labels.
 */
export function haveSameMembers(a: readonly Service[], b: readonly Service[]): boolean {
  return a.length === b.length && a.every((service, index) => service === b[index] || isAlike(service, b[index]));
}

function isAlike({ metadata, spec }: Service, other: Service | undefined): boolean {
  return (
    spec.clusterIP !== 'None' &&
    metadata.name === other?.metadata.name &&
    JSON.stringify(spec) === JSON.stringify(other.spec)
  );
}

function formatMembership([key, ports]: Membership): string {
  const texts = ports.map(({ servicePort, targetPort, appProtocol }) => `${servicePort}-${targetPort}-${appProtocol}`);
  return `${key}:${texts.join(',')}`;
}

function hasSelector({ spec }: Service): boolean {
  return spec.type !== 'ExternalName' && Object.keys(spec.selector).length > 0;
}

function groupByNamespace<T extends KubeObject>(objects: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const object of objects) {
    const group = groups.get(object.metadata.namespace);
    if (group) group.push(object);
    else groups.set(object.metadata.namespace, [object]);
  }
  return groups;
}

function entryMembership(
  entry: KubeObject<'ServiceEntry'>,
  labels: Readonly<Record<string, string>>,
  ports: Readonly<Record<string, number>>,
): readonly Membership[] {
  if (!selects(entry.spec.workloadSelector?.labels ?? {}, labels)) return [];
  return entry.spec.hosts.map((host) => [entryKey(entry, host), entryPorts(entry, (name) => ports[name])]);
}

/**
 * Slices that name pods of a Service without selector; with one, the selector decides and the slice only repeats it.
 */
function indexSlicesByPod(context: NamespaceContext): ReadonlyMap<string, readonly Membership[]> {
  const byPod = new Map<string, Membership[]>();
  for (const slice of context.objects.EndpointSlice) {
    const membership = sliceMembership(context, slice);
    for (const { targetRef } of membership.length > 0 ? slice.endpoints : []) {
      if (targetRef?.kind !== 'Pod') continue;
      const key = `${slice.metadata.namespace}/${targetRef.name}`;
      byPod.set(key, [...(byPod.get(key) ?? []), ...membership]);
    }
  }
  return byPod;
}

function sliceMembership(context: NamespaceContext, slice: KubeObject<'EndpointSlice'>): readonly Membership[] {
  const { namespace, labels } = slice.metadata;
  const name = labels['kubernetes.io/service-name'];
  const service = context.objects.Service.find(
    ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
  );
  if (!service || hasSelector(service)) return [];
  const ports = tcpPorts(service).flatMap((spec) => {
    const match = slice.ports.find((port) => port.name === spec.name && port.protocol === 'TCP');
    return match?.port === undefined ? [] : endpointPorts([{ ...spec, targetPort: match.port }], () => undefined);
  });
  return [[serviceKey(context, service), ports]];
}
