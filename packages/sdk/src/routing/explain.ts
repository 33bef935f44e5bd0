/**
 * Why a connection would go where it goes: the plan and the steps that led to it, as plain data for people and machines.
 * The decision is `planOutbound`'s own, run once with somebody listening; there is no second one to keep in step.
 *
 * A plan draws: of several eligible candidates another connection may take another. Their shares say how often.
 */
import type { Snapshot, Workload } from '../discovery/model.js';
import { FAULTS } from '../wire/faults.js';
import { formatSocketAddress } from './authority.js';
import { identityOf } from './identities.js';
import { type OutboundRequest, type OutboundTarget, planOutbound } from './outbound.js';
import type { Candidate, Executable, Hop, Plan } from './plan.js';
import type { Step } from './steps.js';
import { planWaypoint, planWaypointUpstream, type WaypointRequest, type WaypointUpstreamRequest } from './waypoint.js';

export interface ExplainedCandidate extends Candidate {
  /** Of the registry's record, when it has one. */
  readonly network?: string;
  readonly addresses?: readonly string[];
  readonly capacity?: number;
  /** Of what could be drawn, how often it is this one: 0 to 1. */
  readonly share: number;
}

export interface ExplainedStep extends Omit<Step, 'candidates'> {
  readonly candidates: readonly ExplainedCandidate[];
}

export interface ExplainedHop {
  /** `host:port`. */
  readonly address: string;
  /** SPIFFE URIs, any of which it must prove. */
  readonly expected: readonly string[];
  readonly uid?: string;
}

export type ExplainedPlan =
  | { readonly kind: 'refuse'; readonly fault: string; readonly reason: string; readonly hint: string }
  | { readonly kind: 'direct'; readonly address: string; readonly uid?: string }
  | {
      readonly kind: 'tunnel';
      readonly via: 'endpoint' | 'waypoint';
      readonly hop: ExplainedHop;
      readonly authority: string;
    }
  | {
      readonly kind: 'nested';
      readonly outer: ExplainedHop;
      readonly authority: string;
      /** SPIFFE URIs, any of which the far end must prove. */
      readonly innerExpected: readonly string[];
      /** What is tried when the gateway is out of service, in this order. */
      readonly alternatives: readonly ExplainedPlan[];
    };

export interface Explanation {
  readonly from: { readonly uid: string; readonly identity: string; readonly network: string };
  /** As asked. */
  readonly to: string;
  readonly service?: string;
  readonly plan: ExplainedPlan;
  readonly steps: readonly ExplainedStep[];
}

export function explainOutbound(snapshot: Snapshot, request: Omit<OutboundRequest, 'observe'>): Explanation {
  const steps: Step[] = [];
  const plan = planOutbound(snapshot, { ...request, observe: (step) => void steps.push(step) });
  const { uid, network } = request.source;
  return {
    from: { uid, identity: identityOf(request.source), network },
    to: textOf(request.target),
    ...(plan.service && { service: plan.service.key }),
    plan: explained(plan),
    steps: steps.map((step) => ({ ...step, candidates: withShares(snapshot, step.candidates) })),
  };
}

/** The same of what a waypoint does with a connection that it was sent: the hop after an explained tunnel to it. */
export function explainWaypoint(
  snapshot: Snapshot,
  { waypoint, network, authority, random }: WaypointRequest & Pick<WaypointUpstreamRequest, 'random'>,
): Explanation {
  const destination = planWaypoint(snapshot, { waypoint, network, authority });
  const upstream = { waypoint, network, arrival: 'local', random } as const;
  const plan =
    destination.kind === 'refuse' ? destination : planWaypointUpstream(snapshot, { ...upstream, destination });
  const { service } = plan;
  const subject = service?.key ?? authority ?? 'no authority';
  const taken = plan.candidates.find(({ verdict }) => verdict === 'taken');
  const outcome = plan.kind === 'refuse' ? plan.reason : (taken?.uid ?? 'the address itself');
  return {
    from: { uid: waypoint.uid, identity: identityOf(waypoint), network },
    to: authority ?? '',
    ...(service && { service: service.key }),
    plan: explained(plan),
    steps: [{ what: 'endpoint', subject, outcome, candidates: withShares(snapshot, plan.candidates) }],
  };
}

function explained(plan: Plan): ExplainedPlan {
  if (plan.kind !== 'refuse') return explainedWay(plan);
  const { kind, fault, reason } = plan;
  return { kind, fault, reason, hint: FAULTS[fault].hint };
}

function explainedWay(plan: Executable): ExplainedPlan {
  switch (plan.kind) {
    case 'direct':
      return {
        kind: 'direct',
        address: formatSocketAddress(plan.address.host, plan.address.port),
        ...(plan.destination && { uid: plan.destination.uid }),
      };
    case 'tunnel':
      return { kind: 'tunnel', via: plan.via, hop: explainedHop(plan.hop), authority: plan.authority };
    case 'nested':
      return {
        kind: 'nested',
        outer: explainedHop(plan.outer),
        authority: plan.authority,
        innerExpected: plan.innerExpected,
        alternatives: plan.alternatives.map(explainedWay),
      };
  }
}

function explainedHop({ address: { host, port }, expected, workload }: Hop): ExplainedHop {
  return { address: formatSocketAddress(host, port), expected, ...(workload && { uid: workload.uid }) };
}

function withShares(snapshot: Snapshot, candidates: readonly Candidate[]): readonly ExplainedCandidate[] {
  const capacityOf = (each: Candidate) => snapshot.workload(each.uid)?.capacity ?? 1;
  const drawable = candidates.filter(({ verdict }) => verdict !== 'passed-over');
  const total = drawable.reduce((sum, each) => sum + capacityOf(each), 0);
  return candidates.map((candidate) => {
    const isDrawable = candidate.verdict !== 'passed-over' && total > 0;
    return {
      ...candidate,
      ...recordOf(snapshot.workload(candidate.uid)),
      share: isDrawable ? capacityOf(candidate) / total : 0,
    };
  });
}

function recordOf(workload: Workload | undefined): Pick<ExplainedCandidate, 'network' | 'addresses' | 'capacity'> {
  if (!workload) return {};
  const { network, addresses, capacity } = workload;
  return { network, addresses, capacity };
}

function textOf(target: OutboundTarget): string {
  return formatSocketAddress(target.kind === 'address' ? target.ip : target.hostname, target.port);
}
