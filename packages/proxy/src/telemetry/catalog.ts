/**
 * THE table of metrics: name, kind, labels in order of emission, help. Names, labels and buckets are Istio's where Istio
 * has the metric; `isthmus_` marks our own. As with ztunnel, a family whose help does not say "unstable" is a promise.
 * docs/reference/metrics.md is printed from here.
 */
import { GATEWAY_LABELS, HTTP_LABELS, TCP_LABELS } from './label-sets.js';

export type MetricKind = 'counter' | 'gauge' | 'histogram';

interface Described {
  readonly name: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** Counters and histograms of several processes add up; of a gauge its row says how they become one. */
export type MetricRow =
  | (Described & { readonly kind: 'counter' | 'histogram' })
  | (Described & { readonly kind: 'gauge'; readonly merge: 'sum' | 'max' });

/**
 * Envoy's default boundaries, for milliseconds and bytes alike, as Istio's dashboards expect them. For bytes it means
 * that everything above 3.6 MB lies in +Inf; that is Istio's choice and quantiles compare only if we keep it.
 */
export const HISTOGRAM_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

export const METRICS = {
  build: {
    name: 'istio_build',
    kind: 'gauge',
    merge: 'max',
    labels: ['component', 'tag'],
    help: 'Always 1; tells component and version.',
  },
  info: {
    name: 'isthmus_proxy_info',
    kind: 'gauge',
    merge: 'max',
    labels: ['role', 'cluster', 'network', 'node'],
    help: 'Always 1; tells which proxy this is, to tell apart reporters that share a label (unstable).',
  },
  tcpOpened: {
    name: 'istio_tcp_connections_opened_total',
    kind: 'counter',
    labels: TCP_LABELS,
    help: 'TCP connections opened. Its response_flags are always "-": subtract closed only after summing flags away.',
  },
  tcpClosed: {
    name: 'istio_tcp_connections_closed_total',
    kind: 'counter',
    labels: TCP_LABELS,
    help: 'TCP connections closed, with the flag they ended with.',
  },
  tcpReceived: {
    name: 'istio_tcp_received_bytes_total',
    kind: 'counter',
    labels: TCP_LABELS,
    help: 'Bytes in the direction of the request, client to server, for every reporter; counted while connections are open.',
  },
  tcpSent: {
    name: 'istio_tcp_sent_bytes_total',
    kind: 'counter',
    labels: TCP_LABELS,
    help: 'Bytes in the direction of the response, server to client, for every reporter; counted while connections are open.',
  },
  tcpFailed: {
    name: 'istio_tcp_connections_failed_total',
    kind: 'counter',
    labels: TCP_LABELS,
    help: 'TCP connections that ended with a fault; response_flags says which (unstable).',
  },
  socketsOpen: {
    name: 'istio_tcp_sockets_open',
    kind: 'gauge',
    merge: 'sum',
    labels: ['reporter'],
    help: 'Connections open now (unstable).',
  },
  requests: {
    name: 'istio_requests_total',
    kind: 'counter',
    labels: HTTP_LABELS,
    help: 'HTTP and gRPC requests, counted when they end.',
  },
  requestDuration: {
    name: 'istio_request_duration_milliseconds',
    kind: 'histogram',
    labels: HTTP_LABELS,
    help: 'From the first byte of the request to the last of the response.',
  },
  requestBytes: {
    name: 'istio_request_bytes',
    kind: 'histogram',
    labels: HTTP_LABELS,
    help: 'Size of request bodies, without headers and framing.',
  },
  responseBytes: {
    name: 'istio_response_bytes',
    kind: 'histogram',
    labels: HTTP_LABELS,
    help: 'Size of response bodies, without headers and framing.',
  },
  gatewayOpened: {
    name: 'isthmus_gateway_connections_opened_total',
    kind: 'counter',
    labels: GATEWAY_LABELS,
    help: 'Outer tunnels an east-west gateway opened. Its own name, because both ends already report these bytes (unstable).',
  },
  gatewayClosed: {
    name: 'isthmus_gateway_connections_closed_total',
    kind: 'counter',
    labels: GATEWAY_LABELS,
    help: 'Outer tunnels an east-west gateway closed, with the flag they ended with (unstable).',
  },
  gatewayReceived: {
    name: 'isthmus_gateway_received_bytes_total',
    kind: 'counter',
    labels: GATEWAY_LABELS,
    help: 'Bytes of inner tunnels towards this network, inner TLS included (unstable).',
  },
  gatewaySent: {
    name: 'isthmus_gateway_sent_bytes_total',
    kind: 'counter',
    labels: GATEWAY_LABELS,
    help: 'Bytes of inner tunnels out of this network, inner TLS included (unstable).',
  },
  gatewayFailed: {
    name: 'isthmus_gateway_connections_failed_total',
    kind: 'counter',
    labels: GATEWAY_LABELS,
    help: 'Outer tunnels that ended with a fault; response_flags says which (unstable).',
  },
  crlRejections: {
    name: 'istio_crl_policy_rejections_total',
    kind: 'counter',
    labels: ['reporter'],
    help: 'Connections refused because the certificate of the peer is on a revocation list of CRL_PATH (unstable).',
  },
  xdsMessages: {
    name: 'istio_xds_message_total',
    kind: 'counter',
    labels: ['url'],
    help: 'Discovery responses received, by resource type (unstable).',
  },
  xdsMessageBytes: {
    name: 'istio_xds_message_bytes_total',
    kind: 'counter',
    labels: ['url'],
    help: 'Bytes of the resources in them, by resource type (unstable).',
  },
  xdsTerminations: {
    name: 'istio_xds_connection_terminations_total',
    kind: 'counter',
    labels: ['reason'],
    help: 'Discovery streams that ended: ConnectionError, Error, Reconnect or Complete (unstable).',
  },
  workers: {
    name: 'isthmus_workers',
    kind: 'gauge',
    merge: 'sum',
    labels: ['state'],
    help: 'Worker processes of this proxy, by state: serving or starting. Absent where one process does everything (unstable).',
  },
  workerRestarts: {
    name: 'isthmus_worker_restarts_total',
    kind: 'counter',
    labels: [],
    help: 'Worker processes that ended by themselves and were replaced (unstable).',
  },
  overflow: {
    name: 'isthmus_metrics_overflow_total',
    kind: 'counter',
    labels: ['metric'],
    help: 'Label sets refused a series of their own because the family was full; see METRICS_MAX_SERIES (unstable).',
  },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof METRICS;
