/**
 * Which labels a family carries, in the order Istio emits them, and what fills each. One rule per label; what no rule
 * can tell reads `unknown`. Sources: Istio's stats filter for HTTP, ztunnel for TCP, Envoy for TCP at waypoints.
 */
import type { Service } from '@isthmus/sdk/discovery';
import type { Peer } from '@isthmus/sdk/peer';

export interface LabelFacts {
  readonly reporter: string;
  readonly source: Peer;
  readonly destination: Peer;
  readonly service?: Pick<Service, 'hostname' | 'name' | 'namespace'> | undefined;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly flags: string;
  readonly security: 'mutual_tls' | 'none' | 'unknown';
  /** What Envoy calls the source's revision when it has none; ztunnel says `unknown`. */
  readonly sourceRevision?: 'latest';
  readonly responseCode?: number;
  readonly grpcStatus?: number | undefined;
}

const PEER_RULES = {
  workload: (peer) => peer.workload,
  canonical_service: (peer) => peer.canonicalName,
  canonical_revision: (peer) => peer.canonicalRevision,
  workload_namespace: (peer) => peer.namespace,
  principal: (peer) => peer.principal,
  // The registry has no app label; ztunnel and Envoy both take the canonical names in its place.
  app: (peer) => peer.app ?? peer.canonicalName,
  version: (peer) => peer.version ?? peer.canonicalRevision,
  cluster: (peer) => peer.cluster,
  region: (peer) => peer.region,
  zone: (peer) => peer.zone,
} as const satisfies Record<string, (peer: Peer) => string | undefined>;
type PeerRule = keyof typeof PEER_RULES;

const OTHER_RULES = {
  reporter: (facts) => facts.reporter,
  destination_service: (facts) => facts.service?.hostname,
  destination_service_name: (facts) => facts.service?.name,
  destination_service_namespace: (facts) => facts.service?.namespace,
  request_protocol: (facts) => facts.protocol,
  response_code: (facts) => String(facts.responseCode ?? 0),
  grpc_response_status: (facts) => (facts.grpcStatus === undefined ? '' : String(facts.grpcStatus)),
  response_flags: (facts) => facts.flags,
  connection_security_policy: (facts) => facts.security,
} as const satisfies Record<string, (facts: LabelFacts) => string | undefined>;

export type Label = keyof typeof OTHER_RULES | `source_${PeerRule}` | `destination_${PeerRule}`;

const ZTUNNEL_PEER = [
  'workload',
  'canonical_service',
  'canonical_revision',
  'workload_namespace',
  'principal',
  'app',
  'version',
  'cluster',
] as const satisfies readonly PeerRule[];

const of = <const E extends 'source' | 'destination'>(end: E) => ZTUNNEL_PEER.map((rule) => `${end}_${rule}` as const);

/** Present only when either side is known; then the other reads `unknown`. */
export const LOCALITY_LABELS: readonly Label[] = [
  'source_region',
  'source_zone',
  'destination_region',
  'destination_zone',
];

/** ztunnel's TCP labels, without the locality group. */
export const TCP_LABELS: readonly Label[] = [
  'reporter',
  ...of('source'),
  'destination_service',
  'destination_service_namespace',
  'destination_service_name',
  ...of('destination'),
  'request_protocol',
  'response_flags',
  'connection_security_policy',
];

const ENVOY_PEERS: readonly Label[] = [
  'reporter',
  ...of('source'),
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
  'request_protocol',
];

/** The 25 labels of HTTP and gRPC. */
export const HTTP_LABELS: readonly Label[] = [
  ...ENVOY_PEERS,
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
];

/** Envoy's TCP labels: the same names as ztunnel's in another order. */
export const WAYPOINT_TCP_LABELS: readonly Label[] = [...ENVOY_PEERS, 'response_flags', 'connection_security_policy'];

/** What a gateway knows for certain: who opened the outer tunnel, and where it leads. */
export const GATEWAY_LABELS: readonly Label[] = [
  'source_principal',
  'source_workload_namespace',
  'destination_service',
  'destination_service_namespace',
  'destination_service_name',
  'destination_workload',
  'destination_workload_namespace',
  'destination_cluster',
  'response_flags',
];

const UNKNOWN = 'unknown';
/** A pod name has at most 253 characters; what is longer is somebody's attempt to fill memory. */
const MAX_VALUE_CHARS = 512;

/** `name="value",…` as it stands between the braces of a series. */
export function labelText(labels: readonly Label[], facts: LabelFacts): string {
  return labels.map((label) => pair(label, labelValue(label, facts))).join(',');
}

export function hasLocality({ source, destination }: Pick<LabelFacts, 'source' | 'destination'>): boolean {
  return [source.region, source.zone, destination.region, destination.zone].some((value) => value !== undefined);
}

/** One label with its value escaped as the exposition format asks. */
export function pair(name: string, value: string): string {
  const bounded = value.length > MAX_VALUE_CHARS ? value.slice(0, MAX_VALUE_CHARS) : value;
  return `${name}="${/[\\"\n]/.test(bounded) ? bounded.replace(/[\\"\n]/g, escaped) : bounded}"`;
}

function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}

function labelValue(label: Label, facts: LabelFacts): string {
  const rule = VALUE_RULES.get(label);
  return rule?.(facts) ?? UNKNOWN;
}

const VALUE_RULES: ReadonlyMap<Label, (facts: LabelFacts) => string | undefined> = new Map([
  ...(Object.entries(OTHER_RULES) as [Label, (facts: LabelFacts) => string | undefined][]),
  ...(Object.entries(PEER_RULES) as [PeerRule, (peer: Peer) => string | undefined][]).flatMap(
    ([name, rule]): [Label, (facts: LabelFacts) => string | undefined][] => [
      [
        `source_${name}`,
        (facts) => rule(facts.source) ?? (name === 'canonical_revision' ? facts.sourceRevision : undefined),
      ],
      [`destination_${name}`, (facts) => rule(facts.destination)],
    ],
  ),
]);
