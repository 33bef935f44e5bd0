/** HTTP of an Envoy's own: connection managers, their routes, their filters, and the settings of HTTP/2 at both ends. */
import { extension, type FilterState, headers, jsonLines, type Part, setFilterState } from './envoy-parts.js';

export interface Http2Settings {
  readonly maxConcurrentStreams?: number;
  /** Bytes; Envoy's own default is 268,435,456 in both places, the least it takes 65,535. */
  readonly streamWindow?: number;
  readonly connectionWindow?: number;
  /** Bytes of what it has us compress with; Envoy's default is 4,096. */
  readonly headerTable?: number;
  /** With the other of Envoy's two implementations of HTTP/2; the default is nghttp2. */
  readonly oghttp2?: true;
  /** PINGs. Default every second, which shows more of them than istiod's ten. */
  readonly keepalive?: { readonly interval: string; readonly timeout: string };
}

/** HTTP/2 as HBONE needs it. What guards Envoy from floods is set tighter than its defaults, so that it trips first. */
export function http2(settings: Http2Settings = {}): Part {
  const { maxConcurrentStreams, streamWindow, connectionWindow, headerTable, oghttp2, keepalive } = settings;
  return {
    allow_connect: true,
    ...(maxConcurrentStreams !== undefined && { max_concurrent_streams: maxConcurrentStreams }),
    ...(streamWindow !== undefined && { initial_stream_window_size: streamWindow }),
    ...(connectionWindow !== undefined && { initial_connection_window_size: connectionWindow }),
    ...(headerTable !== undefined && { hpack_table_size: headerTable }),
    use_oghttp2_codec: oghttp2 ?? false,
    connection_keepalive: keepalive ?? { interval: '1s', timeout: '10s' },
    max_outbound_frames: 10_000,
    max_outbound_control_frames: 100,
    max_consecutive_inbound_frames_with_empty_payload: 1,
    max_inbound_window_update_frames_per_data_frame_sent: 5,
  };
}

export interface HttpManager {
  readonly name: string;
  readonly virtualHosts: readonly Part[];
  readonly filters?: readonly Part[];
  readonly http2?: Http2Settings;
  readonly codec?: 'AUTO' | 'HTTP2';
  /** After that many requests the connection gets GOAWAY. */
  readonly maxRequestsPerConnection?: number;
  /** Between the first GOAWAY and the last. */
  readonly drainTimeout?: string;
  readonly log: Readonly<Record<string, string>>;
  /** A line when a request begins, too: of a tunnel that stays open. */
  readonly logsBeginnings?: true;
}

export function httpManager(init: HttpManager): Part {
  return extension(
    'envoy.filters.network.http_connection_manager',
    'filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: init.name,
      codec_type: init.codec ?? 'HTTP2',
      stream_idle_timeout: '0s',
      drain_timeout: init.drainTimeout ?? '0.2s',
      http2_protocol_options: http2(init.http2),
      upgrade_configs: [{ upgrade_type: 'CONNECT' }],
      ...(init.maxRequestsPerConnection !== undefined && {
        common_http_protocol_options: { max_requests_per_connection: init.maxRequestsPerConnection },
      }),
      access_log: [jsonLines({ log: init.name, ...init.log })],
      ...(init.logsBeginnings && { access_log_options: { flush_access_log_on_new_request: true } }),
      route_config: { name: init.name, virtual_hosts: init.virtualHosts },
      http_filters: [
        ...(init.filters ?? []),
        extension('envoy.filters.http.router', 'filters.http.router.v3.Router', { suppress_envoy_headers: true }),
      ],
    },
  );
}

export interface Route {
  readonly cluster: string;
  /** Values of `:authority`; default any. */
  readonly authorities?: readonly string[];
  readonly responseHeaders?: Readonly<Record<string, string>>;
}

/** A CONNECT is answered, and its bytes go to the cluster. */
export function connectRoute(name: string, { cluster, authorities = ['*'], responseHeaders = {} }: Route): Part {
  return {
    name,
    domains: authorities,
    response_headers_to_add: headers(responseHeaders),
    routes: [
      {
        match: { connect_matcher: {} },
        route: { cluster, timeout: '0s', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
      },
    ],
  };
}

export function requestRoute(name: string, { cluster, authorities = ['*'] }: Route): Part {
  return { name, domains: authorities, routes: [{ match: { prefix: '/' }, route: { cluster } }] };
}

export function requestFilterState(values: readonly FilterState[]): Part {
  return extension(
    'envoy.filters.http.set_filter_state',
    'filters.http.set_filter_state.v3.Config',
    setFilterState('on_request_headers', values, 'next'),
  );
}

/** Denies everything. */
export function denyAll(): Part {
  const policy = { permissions: [{ any: true }], principals: [{ any: true }] };
  return extension('envoy.filters.http.rbac', 'filters.http.rbac.v3.RBAC', {
    rules: { action: 'DENY', policies: { everybody: policy } },
  });
}
