/**
 * Which record an address or a name means to a client. Several services may share a VIP or a hostname; the choice among
 * them is ztunnel's, and a service its owner keeps to a namespace does not exist for the others.
 */
import type { NetworkAddress, Service, ServicePort, Snapshot, Workload } from '../discovery/model.js';
import { inBlock } from './ip.js';

/**
 * The service on that VIP as a client of that namespace sees it. A block counts where no exact VIP is visible. Own
 * namespace beats specificity: ztunnel ranks a CIDR VIP of the client's namespace above a longer prefix of another.
 */
export function serviceByAddress(
  snapshot: Snapshot,
  at: { readonly network: string; readonly ip: string },
  clientNamespace: string,
): Service | undefined {
  const specificity = (service: Service) => Math.max(-1, ...service.addresses.map((vip) => prefixLength(vip, at)));
  return (
    bestService(snapshot.servicesByAddress(at.network, at.ip), clientNamespace, specificity) ??
    bestService(snapshot.servicesAround(at.network, at.ip), clientNamespace, specificity)
  );
}

export function serviceByHostname(snapshot: Snapshot, hostname: string, clientNamespace: string): Service | undefined {
  return bestService(snapshot.servicesByHostname(hostname), clientNamespace);
}

/** Whether clients of that namespace may use the service at all. */
function isVisible(service: Service, clientNamespace: string): boolean {
  return service.visibility === 'public' || service.namespace === clientNamespace;
}

/** The workload on that address; of several, a pod that speaks HBONE is the likeliest to be meant. */
export function workloadByAddress(snapshot: Snapshot, network: string, ip: string): Workload | undefined {
  return best(snapshot.workloadsByAddress(network, ip), (workload) => [
    (workload.uid.includes('//Pod/') ? 2 : 0) + (workload.tunnelProtocol === 'hbone' ? 1 : 0),
  ]);
}

export function portOf(service: Service, port: number): ServicePort | undefined {
  return service.ports.find((row) => row.servicePort === port);
}

/** The first single address the service has on that network. */
export function vipOn(service: Service, network: string): string | undefined {
  return service.addresses.find((vip) => vip.network === network && vip.length === undefined)?.ip;
}

/** Own namespace, then `specificity`, then the canonical service of the hostname, then the first. */
export function bestService(
  services: readonly Service[],
  clientNamespace: string,
  specificity: (service: Service) => number = () => 0,
): Service | undefined {
  const visible = services.filter((service) => isVisible(service, clientNamespace));
  return best(visible, (service) => [
    service.namespace === clientNamespace ? 1 : 0,
    specificity(service),
    service.canonical ? 1 : 0,
  ]);
}

/** Bits of the VIP that match; a host address is longer than any block, and -1 stands for no match. */
function prefixLength(vip: NetworkAddress, at: { readonly network: string; readonly ip: string }): number {
  if (vip.network !== at.network) return -1;
  if (vip.ip === at.ip) return 129;
  return vip.length !== undefined && inBlock(at.ip, { ip: vip.ip, length: vip.length }) ? vip.length : -1;
}

/** The first of the highest rank, compared position by position. */
function best<T>(items: readonly T[], rank: (item: T) => readonly number[]): T | undefined {
  if (items.length < 2) return items[0];
  const ranked = items.map((item) => ({ item, rank: rank(item) }));
  return ranked.reduce((winner, next) => (outranks(next.rank, winner.rank) ? next : winner)).item;
}

function outranks(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
}
