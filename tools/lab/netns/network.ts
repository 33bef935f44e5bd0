/**
 * Two networks as configuration of network namespaces: pure. Each network is a namespace with a bridge, on which its
 * control plane, gateways and waypoints have addresses, and to which the namespace of every app's pod is plugged. The two
 * are joined by one cable, over which nothing passes but HBONE to a gateway and, where control planes are peers, what one
 * says to the other; what crosses it has the sender's network address translated, so neither network knows an address of
 * the other's pods.
 */
import type { Slice } from '../address-plan.js';
import { LAB_PREFIX } from '../names.js';
import { PEER_PORT, type Remote } from '../process-specs.js';
import { type AppPod, type Cluster, clustersOf, SHOP_NAMESPACE, serviceHostname, type World } from '../topology.js';

/** Of the bridge and of the cable; the second is of the block for documentation (RFC 5737), which nobody has. */
const PREFIX_LENGTH = 24;
const CABLE = { east: '192.0.2.1', west: '192.0.2.2' } as const;
const HBONE_PORT = 15_008;

/** Addresses as on loopback, of a private block: each namespace is a world of its own, so every lab can have the same. */
export const NETNS_SLICE: Slice = {
  number: 80,
  pod: (cluster, host) => `10.80.${cluster}.${host}`,
  vip: (cluster, host) => `10.80.${100 + cluster}.${host}`,
};

/** `lab` tells labs on one machine apart. */
export function namespaceName(lab: number, { id }: Pick<Cluster, 'id'>, pod?: Pick<AppPod, 'app'>): string {
  return [`${LAB_PREFIX}${lab}`, id, ...(pod ? [pod.app] : [])].join('-');
}

/** Programs and their input, run in a namespace one after the other. */
export interface NamespaceSetup {
  readonly namespace: string;
  /** Lines for `ip -batch`. */
  readonly links: readonly string[];
  /** Shell. */
  readonly script?: string;
  /** Names as programs there resolve them. */
  readonly hosts?: string;
}

export function namespacesOf(world: World, lab: number): readonly string[] {
  return clustersOf(world).flatMap((cluster) => [
    namespaceName(lab, cluster),
    ...cluster.apps.map((pod) => namespaceName(lab, cluster, pod)),
  ]);
}

/** In the order in which they need each other. */
export function setupOf(world: World, lab: number, remote: Remote): readonly NamespaceSetup[] {
  const networks = clustersOf(world).map((cluster) => networkSetup(world, cluster, lab, remote));
  const pods = clustersOf(world).flatMap((cluster) => cluster.apps.map((pod) => podSetup(cluster, pod, lab)));
  return [cableSetup(world, lab), ...networks, ...pods];
}

function cableSetup({ clusters: { east, west } }: World, lab: number): NamespaceSetup {
  const peer = namespaceName(lab, west);
  return { namespace: namespaceName(lab, east), links: [`link add wan0 type veth peer name wan0 netns ${peer}`] };
}

function networkSetup(world: World, cluster: Cluster, lab: number, remote: Remote): NamespaceSetup {
  const others = clustersOf(world).filter(({ id }) => id !== cluster.id);
  const onBridge = [cluster.controlPlaneIp, ...cluster.gateways.map(({ ip }) => ip)];
  return {
    namespace: namespaceName(lab, cluster),
    links: [
      'link add mesh0 type bridge',
      ...onBridge.map((ip) => `address add ${ip}/${PREFIX_LENGTH} dev mesh0`),
      'link set mesh0 up',
      ...cluster.apps.flatMap((pod) => [
        `link add ${pod.app} type veth peer name eth0 netns ${namespaceName(lab, cluster, pod)}`,
        `link set ${pod.app} master mesh0`,
        `link set ${pod.app} up`,
      ]),
      `address add ${CABLE[cluster.id]}/${PREFIX_LENGTH} dev wan0`,
      'link set wan0 up',
      ...others.flatMap((other) =>
        passagesTo(other, remote).flatMap(({ ips }) => ips.map((ip) => `route add ${ip}/32 via ${CABLE[other.id]}`)),
      ),
    ],
    script: `set -eu
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f - <<'RULES'
table inet isthmus-lab {
  chain from-other-network {
    ct state established,related accept
    ${passagesTo(cluster, remote)
      .map(({ ips, port }) => `ip daddr { ${ips.join(', ')} } tcp dport ${port} accept`)
      .join('\n    ')}
    drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "wan0" jump from-other-network
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "wan0" jump from-other-network
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan0" masquerade
  }
}
RULES
`,
  };
}

interface Passage {
  readonly ips: readonly string[];
  readonly port: number;
}

/** What the other network may reach of this one. */
function passagesTo(cluster: Cluster, remote: Remote): readonly Passage[] {
  const gateways = { ips: gatewayIps(cluster), port: HBONE_PORT };
  return remote === 'peers' ? [gateways, { ips: [cluster.controlPlaneIp], port: PEER_PORT }] : [gateways];
}

function podSetup(cluster: Cluster, pod: AppPod, lab: number): NamespaceSetup {
  return {
    namespace: namespaceName(lab, cluster, pod),
    links: [
      `address add ${pod.ip}/${PREFIX_LENGTH} dev eth0`,
      'link set eth0 up',
      `route add default via ${cluster.controlPlaneIp}`,
    ],
    hosts: ['127.0.0.1 localhost', ...cluster.services.map(hostsLine), ''].join('\n'),
  };
}

/** As the cluster's DNS would answer. */
function hostsLine({ name, vip }: Cluster['services'][number]): string {
  return `${vip} ${serviceHostname(name)} ${name}.${SHOP_NAMESPACE}`;
}

function gatewayIps({ gateways }: Cluster): readonly string[] {
  return gateways.flatMap(({ role, ip }) => (role === 'east-west-gateway' ? [ip] : []));
}
