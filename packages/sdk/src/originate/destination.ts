/** Who serves a connection, as far as it is known before and after somebody answered. Pure. */
import { mergePeer, metadataOf, type Peer, type PeerMetadata } from '../peer/index.js';
import { identityOf, type Plan, type RefusePlan } from '../routing/index.js';

type Executable = Exclude<Plan, RefusePlan>;

/**
 * Best knowledge from the plan alone, for connections that fail: the workload it leads to, without a principal since
 * nobody proved one. Of another network only the cluster is known, which the record that stands for it names.
 */
export function plannedDestination(plan: Plan): Peer {
  if (plan.kind === 'refuse') return {};
  if (plan.kind === 'nested') return plan.destination.clusterId === '' ? {} : { cluster: plan.destination.clusterId };
  return plan.destination ? metadataOf(plan.destination) : {};
}

export interface Answered {
  /** SPIFFE URI of whoever ended the (inner) tunnel; absent on plain TCP. */
  readonly certificate?: string | undefined;
  /** What it said about itself; absent when metadata is not exchanged. */
  readonly baggage?: PeerMetadata | undefined;
}

/**
 * Certificate, then the registry if the plan led to that very workload, then its claim. A record that stands for a whole
 * network describes nobody, and one whose identity is not the proven one describes somebody else.
 */
export function answeredDestination(plan: Executable, { certificate, baggage }: Answered): Peer {
  const record = plan.kind === 'nested' ? undefined : plan.destination;
  const isThatOne = certificate === undefined || (record && identityOf(record) === certificate);
  return mergePeer({ certificate, registry: isThatOne ? record : undefined, baggage });
}
