/**
 * What a peer may say. It speaks for its own cluster, network and trust domain: a record that claims more is refused as a
 * whole, with a reason. And it speaks of services and of who stands behind them: what else the protocol can carry, our own
 * control planes never tell each other, and it is not listened to. Pure.
 */
import type { ResourceModel, Service, Workload } from '@isthmus/sdk/discovery';
import type { Rejection } from './events.js';
import type { Peer } from './records.js';

export const GATEWAY_PREFIX = 'NetworkGateway/';
/** Uids of the records that we make for other networks: `<network>/SplitHorizonWorkload/...`; a cluster may be called like a network. */
const SPLIT_HORIZON = 'SplitHorizonWorkload/';
const SPIFFE = 'spiffe://';

export interface Overreach {
  readonly reason: Rejection;
  readonly text: string;
}

/** Undefined for what it may say. */
export function overreachOf(peer: Peer, { kind, value }: ResourceModel): Overreach | undefined {
  if (kind === 'service') return overreachOfService(peer, value);
  return kind === 'workload' ? overreachOfWorkload(peer, value) : undefined;
}

/** Who else may answer for a service is for the roots of their own trust domain to say. */
function overreachOfService(peer: Peer, { addresses, subjectAltNames }: Service): Overreach | undefined {
  const own = `${SPIFFE}${peer.trustDomain}/`;
  const foreign = subjectAltNames.find((name) => name.startsWith(SPIFFE) && !name.startsWith(own));
  if (foreign !== undefined)
    return {
      reason: 'foreign-trust-domain',
      text: `names ${foreign} as who may answer; the peer speaks for ${peer.trustDomain}`,
    };
  return elsewhere(peer, addresses);
}

function overreachOfWorkload(peer: Peer, workload: Workload): Overreach | undefined {
  const { uid, clusterId, network, trustDomain, networkGateway, addresses, hostname } = workload;
  if (clusterId !== peer.cluster)
    return {
      reason: 'foreign-cluster',
      text: `is said to be of cluster ${clusterId}; the peer speaks for ${peer.cluster}`,
    };
  if (trustDomain !== peer.trustDomain)
    return {
      reason: 'foreign-trust-domain',
      text: `is said to be of trust domain ${trustDomain}; the peer speaks for ${peer.trustDomain}`,
    };
  if (!isUidOf(peer, uid)) return { reason: 'foreign-uid', text: `is no uid of cluster ${peer.cluster}` };
  if (uid.startsWith(GATEWAY_PREFIX) && (!networkGateway?.hboneMtlsPort || (addresses.length === 0 && hostname === '')))
    return { reason: 'bad-gateway', text: 'is a gateway without address or port' };
  return elsewhere(peer, [{ network }]);
}

function isUidOf({ cluster, network }: Peer, uid: string): boolean {
  if (uid.startsWith(`${GATEWAY_PREFIX}${network}/`)) return true;
  return uid.startsWith(`${cluster}/`) && !uid.startsWith(`${cluster}/${SPLIT_HORIZON}`);
}

function elsewhere(peer: Peer, places: readonly { readonly network: string }[]): Overreach | undefined {
  const foreign = places.find(({ network }) => network !== peer.network);
  if (!foreign) return undefined;
  const text = `is said to be on network ${foreign.network}; the peer was added for ${peer.network}`;
  return { reason: 'foreign-network', text };
}

/** On one of our nodes, bound by our policies or behind a gateway of its choice, a workload would be more than a peer's. */
export function asTold(workload: Workload): Workload {
  const { networkGateway, ...rest } = workload;
  // What honest peers tell is kept as it is: there may be a hundred thousand.
  if (!networkGateway && rest.node === '' && rest.authorizationPolicies.length === 0) return workload;
  return { ...rest, node: '', authorizationPolicies: [] };
}
