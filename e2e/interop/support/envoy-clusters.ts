/** Clusters of an Envoy: addresses, the original destination, and listeners of the same process. */
import type { HostPort } from '@isthmus/tools/lab';
import { type Http2Settings, http2 } from './envoy-http.js';
import { address, EXTENSIONS, extension, type Part } from './envoy-parts.js';

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
