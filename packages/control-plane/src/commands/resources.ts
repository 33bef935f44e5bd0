/** Services and workloads of a config dump, one line each. */
import type { Service, Workload } from '@isthmus/sdk/discovery';
import { columns } from './columns.js';

/** Maps are objects in JSON. */
type ToldWorkload = Omit<Workload, 'services'> & { readonly services: Readonly<Record<string, unknown>> };

export function serviceLines(services: readonly Service[]): readonly string[] {
  return columns(
    ['SERVICE', 'ADDRESSES', 'PORTS', 'WAYPOINT'],
    services.map(({ key, addresses, ports, waypoint }) => [
      key,
      addresses
        .map(({ network, ip, length }) => `${network}/${ip}${length === undefined ? '' : `/${length}`}`)
        .join(','),
      ports.map(({ servicePort }) => String(servicePort)).join(','),
      waypoint?.destination.kind === 'hostname'
        ? waypoint.destination.name.hostname
        : (waypoint?.destination.address.ip ?? '-'),
    ]),
  );
}

export function workloadLines(workloads: readonly ToldWorkload[]): readonly string[] {
  return columns(
    ['UID', 'NETWORK', 'CLUSTER', 'ADDRESSES', 'PROTOCOL', 'STATE', 'CAPACITY', 'SERVICES'],
    workloads.map((each) => [
      each.uid,
      each.network,
      each.clusterId,
      each.addresses.join(',') || '-',
      each.tunnelProtocol,
      each.healthy ? 'ready' : 'not ready',
      String(each.capacity),
      Object.keys(each.services).join(',') || '-',
    ]),
  );
}
