/** Gateways of other networks as one cluster may use them, and the workloads that stand for them. */
import type { GatewayAddress, Workload } from '@isthmus/sdk/discovery';
import { canonicalIp } from '@isthmus/sdk/wire';
import type { GatewayRecord, Model } from '../model/index.js';

/**
 * Declared gateways count for the cluster that declares them, discovered ones for all others. What is known both ways
 * is one gateway; the declaration wins, because somebody wrote it for this cluster.
 */
export function gatewaysFor(model: Model, viewerCluster: string, network: string): readonly GatewayRecord[] {
  const candidates = [...model.clusters.values()]
    .flatMap(({ gateways }) => gateways)
    .filter((gateway) => gateway.network !== network)
    .filter(({ source, cluster }) => (source === 'declared') === (cluster === viewerCluster))
    .sort((a, b) => (rankOf(a) < rankOf(b) ? -1 : 1));
  const byUid = new Map<string, GatewayRecord>();
  for (const gateway of candidates) if (!byUid.has(uidOf(gateway))) byUid.set(uidOf(gateway), gateway);
  return [...byUid.values()];
}

/** `declared` sorts before `discovered`. */
function rankOf({ source, cluster, namespace, name, address }: GatewayRecord): string {
  return [source, cluster, namespace, name, address.value].join('/');
}

function uidOf({ network, address, hbonePort }: GatewayRecord): string {
  return `NetworkGateway/${network}/${address.value}/${hbonePort}`;
}

export function gatewayAddress({ network, namespace, address, hbonePort }: GatewayRecord): GatewayAddress {
  const ip = address.kind === 'ip' ? canonicalIp(address.value) : undefined;
  const destination: GatewayAddress['destination'] =
    ip === undefined
      ? { kind: 'hostname', name: { namespace, hostname: address.value } }
      : { kind: 'address', address: { network, ip } };
  return { destination, hboneMtlsPort: hbonePort };
}

/** The record from which clients learn whom to expect at the outer tunnel. */
export function gatewayWorkload(gateway: GatewayRecord): Workload {
  const { address } = gateway;
  return {
    ...standIn(gateway, uidOf(gateway)),
    namespace: gateway.namespace,
    addresses: address.kind === 'ip' ? [canonicalIp(address.value) ?? address.value] : [],
    hostname: address.kind === 'hostname' ? address.value : '',
    serviceAccount: gateway.serviceAccount,
    canonicalName: gateway.name,
    canonicalRevision: 'latest',
    workloadName: gateway.name,
  };
}

/** A workload that is no workload: it stands for a gateway, or for all that is behind one. */
export function standIn(gateway: GatewayRecord, uid: string): Workload {
  return {
    uid,
    name: uid,
    namespace: '',
    addresses: [],
    hostname: '',
    network: gateway.network,
    clusterId: gateway.cluster,
    trustDomain: gateway.trustDomain,
    serviceAccount: '',
    node: '',
    canonicalName: '',
    canonicalRevision: '',
    workloadName: '',
    workloadType: 'pod',
    locality: { region: '', zone: '', subzone: '' },
    tunnelProtocol: 'none',
    nativeTunnel: false,
    networkMode: 'standard',
    healthy: true,
    capacity: 1,
    authorizationPolicies: [],
    services: new Map(),
  };
}
