/**
 * What distinguishes the reporters: their families, labels, vocabulary of flags, and how they say "no mTLS". A ztunnel
 * reports what it started (`source`) or received (`destination`); a waypoint speaks as Envoy does. A gateway forwards
 * bytes whose two ends report them already, and reads no baggage: it counts under names of its own, with only what
 * it knows for certain, so that no sum over Istio's metrics sees the bytes a third time or with an unknown end.
 */
import type { FaultRow } from '@isthmus/sdk/wire';
import type { MetricName } from './catalog.js';
import { GATEWAY_LABELS, type Label, type LabelFacts, TCP_LABELS, WAYPOINT_TCP_LABELS } from './label-sets.js';
import type { Reporter } from './types.js';

export interface ReporterRow {
  /** Of the access log. */
  readonly direction: 'outbound' | 'inbound' | 'forward';
  readonly labels: readonly Label[];
  /** Adds region and zone when either side has one, as ztunnel does. */
  readonly locality: boolean;
  readonly plaintext: LabelFacts['security'];
  readonly sourceRevision?: 'latest';
  readonly families: Readonly<Record<'opened' | 'closed' | 'failed' | 'received' | 'sent', MetricName>>;
  flagOf(fault: FaultRow): string;
}

const TCP_FAMILIES = {
  opened: 'tcpOpened',
  closed: 'tcpClosed',
  failed: 'tcpFailed',
  received: 'tcpReceived',
  sent: 'tcpSent',
} as const satisfies ReporterRow['families'];

const ZTUNNEL = {
  labels: TCP_LABELS,
  locality: true,
  plaintext: 'unknown',
  families: TCP_FAMILIES,
  flagOf: (fault) => fault.flag,
} as const satisfies Partial<ReporterRow>;

export const REPORTERS: Readonly<Record<Reporter, ReporterRow>> = {
  source: { direction: 'outbound', ...ZTUNNEL },
  destination: { direction: 'inbound', ...ZTUNNEL },
  waypoint: {
    direction: 'inbound',
    labels: WAYPOINT_TCP_LABELS,
    locality: false,
    plaintext: 'none',
    sourceRevision: 'latest',
    families: TCP_FAMILIES,
    flagOf: (fault) => fault.httpFlag,
  },
  gateway: {
    direction: 'forward',
    labels: GATEWAY_LABELS,
    locality: false,
    plaintext: 'none',
    families: {
      opened: 'gatewayOpened',
      closed: 'gatewayClosed',
      failed: 'gatewayFailed',
      received: 'gatewayReceived',
      sent: 'gatewaySent',
    },
    flagOf: (fault) => fault.flag,
  },
};
