/** Decisions as values: from a snapshot and the facts of a connection to a plan, a verdict, a peer. Pure throughout. */
export {
  type Authority,
  type AuthorityReading,
  canonicalHostname,
  formatAuthority,
  formatSocketAddress,
  parseAuthority,
} from './authority.js';
export { authorize, type ConnectionFacts, type DryRunResult, type Verdict } from './authorize.js';
export {
  type ExplainedCandidate,
  type ExplainedHop,
  type ExplainedPlan,
  type ExplainedStep,
  type Explanation,
  explainOutbound,
  explainWaypoint,
} from './explain.js';
export { explanationLines } from './explain-text.js';
export { createTraceparent, formatForwarded, parseForwardedHost } from './forwarded.js';
export { type GatewayRequest, planGateway } from './gateway.js';
export { identityOf } from './identities.js';
export { type InboundRequest, planInbound } from './inbound.js';
export { plainIp } from './ip.js';
export { missingInbound, missingOutbound } from './missing.js';
export { isFromAnotherNetwork } from './networks.js';
export { type OutboundRequest, type OutboundTarget, planOutbound } from './outbound.js';
export type {
  AnnouncedDestination,
  Candidate,
  DirectPlan,
  Executable,
  Hop,
  NestedPlan,
  Plan,
  RefusePlan,
  SocketAddress,
  TunnelPlan,
} from './plan.js';
export { waypointIdentities } from './reference.js';
export { CLUSTER_DOMAIN, searchNames } from './search-names.js';
export { type SourceFacts, sourcePeerOf } from './source.js';
export type { Observe, Step } from './steps.js';
export {
  planWaypoint,
  planWaypointUpstream,
  type WaypointDestination,
  type WaypointRequest,
  type WaypointUpstreamRequest,
} from './waypoint.js';
