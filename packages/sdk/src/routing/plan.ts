/**
 * A plan is the whole decision about one connection as a value: where it goes, as whom the next hop must prove itself,
 * and what was considered on the way. Drivers execute plans, access logs and `explain` print them, tests compare them.
 */
import type { Service, ServicePort, Workload } from '../discovery/model.js';
import type { FaultCode } from '../wire/faults.js';

export interface SocketAddress {
  /** IPv4, IPv6, or a DNS name for workloads that have only a hostname. */
  readonly host: string;
  readonly port: number;
}

/** One mTLS hop. */
export interface Hop {
  readonly address: SocketAddress;
  /** SPIFFE URIs, any of which the peer's certificate must carry. Never empty. */
  readonly expected: readonly string[];
  /** The registry's record of the peer, when the hop leads to a known workload. */
  readonly workload?: Workload;
}

/** Why an endpoint, gateway or waypoint was taken or passed over. */
export interface Candidate {
  readonly uid: string;
  readonly verdict: 'taken' | 'eligible' | 'passed-over';
  readonly reason: string;
}

export interface PlanBase {
  readonly candidates: readonly Candidate[];
  /** The service the client asked for, when it was one. */
  readonly service?: Service;
  readonly servicePort?: ServicePort;
}

export type Plan = RefusePlan | Executable;

/** A plan that leads somewhere. */
export type Executable = DirectPlan | TunnelPlan | NestedPlan;

export interface RefusePlan extends PlanBase {
  readonly kind: 'refuse';
  readonly fault: FaultCode;
  /** What happened, with names and addresses. */
  readonly reason: string;
}

/** Plain TCP. */
export interface DirectPlan extends PlanBase {
  readonly kind: 'direct';
  readonly address: SocketAddress;
  readonly destination?: Workload;
  /** The application asks to be told, by the PROXY protocol, where the connection was going and who opened it. */
  readonly announced?: AnnouncedDestination;
}

export interface AnnouncedDestination {
  /** An IP address: the one that was asked for, or one of the service's that was asked for by name. */
  readonly address: SocketAddress;
  /** The name, when it was asked for by name. */
  readonly hostname?: string;
}

/** HBONE to a workload or to a waypoint. */
export interface TunnelPlan extends PlanBase {
  readonly kind: 'tunnel';
  readonly hop: Hop;
  readonly authority: string;
  readonly via: 'endpoint' | 'waypoint';
  /** The next hop's record: the endpoint, or the waypoint. */
  readonly destination: Workload;
}

/** HBONE inside HBONE: the outer tunnel ends at the gateway of another network, the inner at whoever serves there. */
export interface NestedPlan extends PlanBase {
  readonly kind: 'nested';
  readonly outer: Hop;
  /** SPIFFE URIs the far end of the inner tunnel may prove: those of the service. */
  readonly innerExpected: readonly string[];
  /** `hostname:servicePort`, the same on both CONNECTs. */
  readonly authority: string;
  /** The record standing for the remote network; not the workload that will answer. */
  readonly destination: Workload;
  /**
   * What else could be done, in the order to try it, when this gateway is out of service: other gateways, each once, and
   * behind them what needs none. At most 7; those of a nested alternative are empty.
   */
  readonly alternatives: readonly Executable[];
}
