/**
 * The pieces an Envoy's configuration is put together from, as values that become JSON. Only what Envoy itself has (no filter of Istio's),
 * arranged as istiod arranges it: TLS with SPIFFE names, tunnels that are accepted and opened, listeners inside the process.
 */
export type Part = Readonly<Record<string, unknown>>;

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Where its certificate, its key and the mesh's root are. */
export interface TlsFiles {
  readonly chain: string;
  readonly key: string;
  readonly roots: string;
}

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

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';

/** An extension by its name and the type of its configuration. */
function extension(name: string, type: string, configuration: Part = {}): Part {
  return { name, typed_config: { '@type': `${EXTENSIONS}.${type}`, ...configuration } };
}

export function address({ host, port }: HostPort): Part {
  return { socket_address: { address: host, port_value: port } };
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

/** Names are SPIFFE URIs, compared exactly. */
function commonTls({ chain, key, roots }: TlsFiles, peers: readonly string[]): Part {
  return {
    alpn_protocols: ['h2'],
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: key } }],
    validation_context: {
      trusted_ca: { filename: roots },
      match_typed_subject_alt_names: peers.map((exact) => ({ san_type: 'URI', matcher: { exact } })),
    },
  };
}

export function serverTls(files: TlsFiles, clients: readonly string[]): Part {
  return extension('envoy.transport_sockets.tls', 'transport_sockets.tls.v3.DownstreamTlsContext', {
    require_client_certificate: true,
    common_tls_context: commonTls(files, clients),
  });
}

export function clientTls(files: TlsFiles, servers: readonly string[]): Part {
  return extension('envoy.transport_sockets.tls', 'transport_sockets.tls.v3.UpstreamTlsContext', {
    common_tls_context: commonTls(files, servers),
  });
}

/** One JSON line on standard output for each; Envoy's operators are the values. */
function jsonLines(fields: Readonly<Record<string, string>>): Part {
  return extension('envoy.access_loggers.stdout', 'access_loggers.stream.v3.StdoutAccessLog', {
    log_format: { json_format: fields },
  });
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

function headers(values: Readonly<Record<string, string>>): readonly Part[] {
  return Object.entries(values).map(([key, value]) => ({
    header: { key, value },
    append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    keep_empty_value: true,
  }));
}

export interface Tunnel {
  /** `:authority`, or an operator that gives it. */
  readonly authority: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface TcpProxy {
  readonly name: string;
  readonly cluster: string;
  /** Opens a CONNECT for each connection. */
  readonly tunnel?: Tunnel;
  readonly log?: Readonly<Record<string, string>>;
}

export function tcpProxy({ name, cluster, tunnel, log }: TcpProxy): Part {
  return extension('envoy.filters.network.tcp_proxy', 'filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: name,
    cluster,
    idle_timeout: '0s',
    ...(tunnel && {
      tunneling_config: {
        hostname: tunnel.authority,
        headers_to_add: headers(tunnel.headers),
        propagate_response_headers: true,
      },
    }),
    ...(log && { access_log: [jsonLines({ log: name, ...log })] }),
  });
}

export interface FilterState {
  readonly key: string;
  readonly factory?: string;
  readonly value: string;
}

/** What the next hop inside the process, or all further ones, are told. Both kinds keep connections of different values apart. */
const SHARED = { next: 'ONCE', all: 'TRANSITIVE' } as const;

function setFilterState(moment: string, values: readonly FilterState[], reach: keyof typeof SHARED): Part {
  return {
    [moment]: values.map(({ key, factory, value }) => ({
      object_key: key,
      ...(factory !== undefined && { factory_key: factory }),
      format_string: { text_format_source: { inline_string: value } },
      shared_with_upstream: SHARED[reach],
    })),
  };
}

export function requestFilterState(values: readonly FilterState[]): Part {
  return extension(
    'envoy.filters.http.set_filter_state',
    'filters.http.set_filter_state.v3.Config',
    setFilterState('on_request_headers', values, 'next'),
  );
}

export function connectionFilterState(values: readonly FilterState[]): Part {
  return extension(
    'envoy.filters.network.set_filter_state',
    'filters.network.set_filter_state.v3.Config',
    setFilterState('on_new_connection', values, 'all'),
  );
}

/** Denies everything. */
export function denyAll(): Part {
  const policy = { permissions: [{ any: true }], principals: [{ any: true }] };
  return extension('envoy.filters.http.rbac', 'filters.http.rbac.v3.RBAC', {
    rules: { action: 'DENY', policies: { everybody: policy } },
  });
}

export interface Listener {
  readonly name: string;
  readonly filters: readonly Part[];
  readonly tls?: Part;
}

export function listener(at: HostPort, { name, filters, tls }: Listener): Part {
  return { name, address: address(at), filter_chains: [{ filters, ...(tls && { transport_socket: tls }) }] };
}

/** Reached from inside the process only, by its name; its original destination is what the caller says. */
export function internalListener({ name, filters }: Listener): Part {
  return {
    name,
    internal_listener: {},
    listener_filters: [
      extension('envoy.filters.listener.original_dst', 'filters.listener.original_dst.v3.OriginalDst'),
    ],
    filter_chains: [{ filters }],
  };
}

export interface Cluster {
  readonly name: string;
  readonly tls?: Part;
  readonly http2?: Http2Settings;
  readonly maxRequestsPerConnection?: number;
}

function clusterOf({ name, tls, http2: settings, maxRequestsPerConnection }: Cluster, rest: Part): Part {
  return {
    name,
    connect_timeout: '5s',
    ...(tls && { transport_socket: tls }),
    ...(settings && {
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': `${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions`,
          explicit_http_config: { http2_protocol_options: http2(settings) },
          ...(maxRequestsPerConnection !== undefined && {
            common_http_protocol_options: { max_requests_per_connection: maxRequestsPerConnection },
          }),
        },
      },
    }),
    ...rest,
  };
}

function assignment(name: string, endpoints: readonly Part[]): Part {
  return { load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] } };
}

export function cluster(init: Cluster, hosts: readonly HostPort[]): Part {
  const endpoints = hosts.map((host) => ({ endpoint: { address: address(host) } }));
  return clusterOf(init, { type: 'STATIC', ...assignment(init.name, endpoints) });
}

/** Goes to the original destination of the connection it serves; with a port, to that one of it. */
export function originalDestination(init: Cluster, port?: number): Part {
  return clusterOf(init, {
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    ...(port !== undefined && { original_dst_lb_config: { upstream_port_override: port } }),
  });
}

/** An endpoint that is reached through a listener of the same process. */
export interface Through {
  readonly listener: string;
  /** What its original destination is to be there: `address:port`. Where absent, filter state says it, or nobody asks. */
  readonly destination?: string;
  /** `:authority` where that is another one. */
  readonly authority?: string;
}

const ORIGINAL_DST = 'envoy.filters.listener.original_dst';
const AUTHORITY = 'tunnel';

/** The operator that gives what an endpoint's `authority` said. */
export const TOLD_AUTHORITY = `%DYNAMIC_METADATA(${AUTHORITY}:authority)%`;

export function internalCluster(init: Cluster, endpoints: readonly Through[]): Part {
  const tls = init.tls ?? extension('envoy.transport_sockets.raw_buffer', 'transport_sockets.raw_buffer.v3.RawBuffer');
  const passing = extension(
    'envoy.transport_sockets.internal_upstream',
    'transport_sockets.internal_upstream.v3.InternalUpstreamTransport',
    {
      passthrough_metadata: [ORIGINAL_DST, AUTHORITY].map((name) => ({ kind: { host: {} }, name })),
      transport_socket: tls,
    },
  );
  const members = endpoints.map(({ listener, destination, authority }) => ({
    endpoint: {
      address: {
        envoy_internal_address: { server_listener_name: listener, endpoint_id: [destination, authority].join(' ') },
      },
    },
    metadata: {
      filter_metadata: {
        ...(destination && { [ORIGINAL_DST]: { local: destination } }),
        ...(authority && { [AUTHORITY]: { authority } }),
      },
    },
  }));
  return clusterOf({ ...init, tls: passing }, { type: 'STATIC', ...assignment(init.name, members) });
}

/** A whole Envoy. */
export interface Configuration {
  readonly listeners: readonly Part[];
  readonly clusters: readonly Part[];
}

export function bootstrap(name: string, admin: HostPort, { listeners, clusters }: Configuration): Part {
  return {
    node: { id: name, cluster: name },
    admin: { address: address(admin) },
    bootstrap_extensions: [
      extension('envoy.bootstrap.internal_listener', 'bootstrap.internal_listener.v3.InternalListener'),
    ],
    static_resources: { listeners, clusters },
  };
}
