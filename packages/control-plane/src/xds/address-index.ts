/**
 * Addresses by what an on-demand subscriber calls them: a workload by uid or `network/ip`, a service by
 * `namespace/hostname` or by `network/ip` of one of its VIPs (Istio ambient/ambientindex.go). Made when somebody first
 * asks by name; with wildcard subscribers only it is never made.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import { canonicalIp, ipInBlock, parseIp } from '@isthmus/sdk/wire';
import type { View } from '../projection/index.js';

/** Names of resources. */
export interface Found {
  /** What the key names; several workloads may share an address. Never empty. */
  readonly subjects: readonly string[];
  /**
   * Workloads of the service that it names, and the gateways that lead to them: ztunnel asks for no gateway, and
   * refuses connections through one it does not know.
   */
  readonly members: readonly string[];
}

export interface AddressIndex {
  /** Undefined when the key names nothing here. */
  lookup(key: string): Found | undefined;
  /**
   * Workloads of the viewer's cluster on that node, and their services. The proxy there serves them and has to know them
   * unasked: ztunnel does not ask when a tunnel comes in for the hostname of a service.
   */
  onNode(node: string): readonly string[];
}

interface Block {
  readonly network: string;
  readonly base: Uint8Array;
  readonly length: number;
  readonly service: string;
}

/** `cluster` is the viewer's: nodes of different clusters may bear one name. */
export function indexAddresses({ services, workloads }: View, cluster: string): AddressIndex {
  const byAddress = groupNames(workloads, ({ network, addresses }) => addresses.map((ip) => `${network}/${ip}`));
  const byNode = groupNames(workloads, ({ clusterId, node }) => (clusterId === cluster && node !== '' ? [node] : []));
  const byService = groupNames(workloads, (workload) => workload.services.keys());
  const { vips, blocks } = indexVips(services);
  const membersOf = (service: string) => {
    const members = byService.get(service) ?? [];
    return [...members, ...new Set(members.flatMap((uid) => gatewaysTo(workloads.get(uid))))];
  };
  const servicesOf = (uid: string) => [...(workloads.get(uid)?.services.keys() ?? [])];

  function gatewaysTo(workload: Workload | undefined): readonly string[] {
    const destination = workload?.networkGateway?.destination;
    if (destination?.kind !== 'address') return [];
    return byAddress.get(`${destination.address.network}/${destination.address.ip}`) ?? [];
  }

  function lookup(key: string): Found | undefined {
    if (workloads.has(key)) return { subjects: [key], members: [] };
    const address = splitAddress(key);
    const near = address && byAddress.get(`${address.network}/${address.ip}`);
    if (near) return { subjects: near, members: [] };
    const vip = address && (vips.get(`${address.network}/${address.ip}`) ?? findBlock(blocks, address)?.service);
    const service = services.has(key) ? key : vip;
    return service === undefined ? undefined : { subjects: [service], members: membersOf(service) };
  }

  return {
    lookup,
    onNode(node) {
      const own = byNode.get(node) ?? [];
      return [...own, ...new Set(own.flatMap(servicesOf))];
    },
  };
}

function groupNames(
  workloads: View['workloads'],
  keysOf: (workload: Workload) => Iterable<string>,
): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const workload of workloads.values()) {
    for (const key of keysOf(workload)) {
      const names = groups.get(key);
      if (names) names.push(workload.uid);
      else groups.set(key, [workload.uid]);
    }
  }
  return groups;
}

function indexVips(services: View['services']): { vips: ReadonlyMap<string, string>; blocks: readonly Block[] } {
  const vips = new Map<string, string>();
  const blocks: Block[] = [];
  for (const { key, addresses } of services.values()) {
    for (const { network, ip, length } of addresses) {
      const base = length === undefined ? undefined : parseIp(ip);
      if (base && length !== undefined) blocks.push({ network, base, length, service: key });
      // The first service of a VIP, as in Istio; the order is that of names.
      else if (!vips.has(`${network}/${ip}`)) vips.set(`${network}/${ip}`, key);
    }
  }
  return { vips, blocks: blocks.sort((a, b) => b.length - a.length) };
}

interface Address {
  readonly network: string;
  readonly ip: string;
}

/** The network may be empty; a network's name holds no slash. */
function splitAddress(key: string): Address | undefined {
  const slash = key.indexOf('/');
  const ip = slash < 0 ? undefined : canonicalIp(key.slice(slash + 1));
  return ip === undefined ? undefined : { network: key.slice(0, slash), ip };
}

function findBlock(blocks: readonly Block[], { network, ip }: Address): Block | undefined {
  const bytes = blocks.length > 0 ? parseIp(ip) : undefined;
  return bytes && blocks.find((block) => block.network === network && ipInBlock(bytes, block.base, block.length));
}
