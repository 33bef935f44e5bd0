/** Workloads that are no pods: WorkloadEntries, endpoints inside ServiceEntries, and EndpointSlices without pods. */
import type { Workload } from '@isthmus/sdk/discovery';
import { canonicalIp } from '@isthmus/sdk/wire';
import type { KubeObject } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import { canonicalOf } from './controller.js';
import { LABEL } from './labels.js';
import type { WorkloadIndexes } from './pods.js';
import { entryKey, entryPorts } from './service-entries.js';
import { declaredTunnel, plainWorkload, sortedMemberships, uid } from './workload.js';

type EntrySpec = KubeObject<'WorkloadEntry'>['spec'];

export function deriveEntries(context: NamespaceContext, indexes: WorkloadIndexes): readonly Workload[] {
  const { objects } = context;
  return [
    ...objects.WorkloadEntry.map((entry) => fromWorkloadEntry(context, indexes, entry)),
    ...objects.ServiceEntry.flatMap((entry) => fromServiceEntry(context, entry)),
    ...objects.EndpointSlice.flatMap((slice) => fromEndpointSlice(context, indexes, slice)),
  ];
}

function fromWorkloadEntry(
  context: NamespaceContext,
  indexes: WorkloadIndexes,
  entry: KubeObject<'WorkloadEntry'>,
): Workload {
  const { name, namespace, annotations } = entry.metadata;
  const labels = { ...entry.metadata.labels, ...entry.spec.labels };
  const waypoint = indexes.waypoints.forWorkload(entry);
  const ids = { uid: uid.workloadEntry(context.id, namespace, name), name, namespace };
  return {
    ...plainWorkload(context, ids),
    ...fromSpec(context, entry.spec),
    workloadName: labels[LABEL.workloadName] ?? name,
    ...canonicalOf(labels, name),
    ...declaredTunnel({ labels, annotations }),
    ...(waypoint && { waypoint }),
    authorizationPolicies: indexes.policies.bindingTo(labels, false),
    services: indexes.memberships.ofWorkloadEntry(entry),
  };
}

/** Inline endpoints; or, for a name to be resolved without any, each host as its own endpoint. */
function fromServiceEntry(context: NamespaceContext, entry: KubeObject<'ServiceEntry'>): readonly Workload[] {
  const { name, namespace } = entry.metadata;
  const { hosts, endpoints, resolution, workloadSelector } = entry.spec;
  const membership = (spec: EntrySpec, members: readonly string[]): Workload => ({
    ...plainWorkload(context, { uid: uid.serviceEntry(context.id, namespace, name, spec.address), name, namespace }),
    ...fromSpec(context, spec),
    ...canonicalOf(spec.labels, name),
    ...declaredTunnel({ labels: spec.labels, annotations: {} }),
    services: sortedMemberships(
      members.map((host) => [entryKey(entry, host), entryPorts(entry, (port) => spec.ports[port])]),
    ),
  });
  if (endpoints.length > 0) return endpoints.map((spec) => membership(spec, hosts));
  if (!resolution.startsWith('DNS') || workloadSelector) return [];
  return hosts.filter((host) => !host.startsWith('*')).map((host) => membership({ ...NO_SPEC, address: host }, [host]));
}

const NO_SPEC: EntrySpec = {
  address: '',
  ports: {},
  labels: {},
  network: '',
  locality: '',
  weight: 0,
  serviceAccount: '',
};

function fromSpec(context: NamespaceContext, spec: EntrySpec): Partial<Workload> {
  const ip = canonicalIp(spec.address);
  const [region = '', zone = '', subzone = ''] = spec.locality.split('/');
  return {
    addresses: ip === undefined ? [] : [ip],
    hostname: ip === undefined ? spec.address : '',
    network: spec.network || context.network,
    serviceAccount: spec.serviceAccount,
    locality: { region, zone, subzone },
    capacity: spec.weight || 1,
  };
}

/**
 * Endpoints behind a Service without selector. What stands behind the address is unknown, so nothing is assumed of
 * it.
 */
function fromEndpointSlice(
  context: NamespaceContext,
  indexes: WorkloadIndexes,
  slice: KubeObject<'EndpointSlice'>,
): readonly Workload[] {
  const { name, namespace } = slice.metadata;
  const services = indexes.memberships.ofEndpointSlice(slice);
  if (services.size === 0) return [];
  const strangers = slice.endpoints.filter(({ targetRef }) => targetRef?.kind !== 'Pod');
  return strangers.flatMap(({ addresses, conditions, nodeName }) =>
    addresses.flatMap((text) => {
      const ip = canonicalIp(text);
      if (ip === undefined) return [];
      const workload = plainWorkload(context, {
        uid: uid.endpointSlice(context.id, namespace, name, ip),
        name,
        namespace,
      });
      // On the host network, so that the address is never taken for a pod's own.
      return [
        {
          ...workload,
          addresses: [ip],
          node: nodeName,
          networkMode: 'host' as const,
          healthy: conditions.ready,
          services,
        },
      ];
    }),
  );
}
