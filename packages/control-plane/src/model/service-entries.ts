/** ServiceEntries to records, one per host. */
import type { LoadBalancing, ServicePort } from '@isthmus/sdk/discovery';
import { canonicalIp } from '@isthmus/sdk/wire';
import { type KubeObject, parseBlock } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import { LABEL } from './labels.js';
import { appProtocolOf } from './ports.js';
import { isTrue } from './services.js';
import type { ServiceRecord } from './types.js';
import type { WaypointIndex } from './waypoints.js';

type Entry = KubeObject<'ServiceEntry'>;

/** The client goes to the address it asked for; there is nothing to balance. */
const PASSTHROUGH: LoadBalancing = { mode: 'passthrough', routingPreference: [], healthPolicy: 'allow-all' };

export function deriveServiceEntries(context: NamespaceContext, waypoints: WaypointIndex): readonly ServiceRecord[] {
  return context.objects.ServiceEntry.flatMap((entry) => {
    const waypoint = waypoints.forService(entry);
    const { name, namespace, labels } = entry.metadata;
    return entry.spec.hosts.map((hostname) => ({
      key: entryKey(entry, hostname),
      name,
      namespace,
      hostname,
      addresses: addressesOf(entry, hostname),
      ...(labels[LABEL.autoAllocate] === 'false' && { staysWithoutAddress: true as const }),
      ports: entryPorts(entry, () => undefined),
      subjectAltNames: entry.spec.subjectAltNames,
      ...(entry.spec.resolution === 'NONE' && { loadBalancing: PASSTHROUGH }),
      ipFamilies: 'automatic' as const,
      canonical: false,
      ingressUseWaypoint: isTrue(labels[LABEL.ingressUseWaypoint]),
      ...(waypoint && { waypoint }),
      isWaypoint: false,
      scope: context.scopeOf(labels),
    }));
  });
}

export function entryKey({ metadata }: Entry, hostname: string): string {
  return `${metadata.namespace}/${hostname}`;
}

/** `override` is the endpoint's own port for that name. */
export function entryPorts(entry: Entry, override: (name: string) => number | undefined): readonly ServicePort[] {
  return entry.spec.ports
    .filter(({ protocol }) => protocol.toUpperCase() !== 'UDP')
    .map(({ name, number, protocol, targetPort }) => ({
      servicePort: number,
      targetPort: override(name) ?? targetPort ?? number,
      appProtocol: appProtocolOf({ name, appProtocol: protocol || undefined }),
    }));
}

/** Its own; else those that Istio's control plane gave the host, which stay the same if ours takes its place. */
function addressesOf({ spec, status }: Entry, hostname: string): ServiceRecord['addresses'] {
  const given = status.addresses.filter(({ host }) => host === hostname || host === '').map(({ value }) => value);
  return (spec.addresses.length > 0 ? spec.addresses : given).flatMap((text) => {
    const block = parseBlock(text);
    const ip = block && canonicalIp(block.ip);
    if (ip === undefined) return [];
    return [block?.length === undefined ? { ip } : { ip, length: block.length }];
  });
}
