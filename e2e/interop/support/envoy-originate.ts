/** Envoys that open tunnels of the mesh, in the arrangement that istiod gives to waypoints and ingress gateways. */
import type { HostPort } from '@isthmus/tools/lab';
import {
  type Cluster,
  cluster,
  internalCluster,
  originalDestination,
  type Through,
  TOLD_AUTHORITY,
} from './envoy-clusters.js';
import { type Configuration, clientTls, internalListener, listener, type Part, type TlsFiles } from './envoy-parts.js';
import { connectionFilterState, type Tunnel, tcpProxy } from './envoy-tcp.js';
import { HBONE_PORT } from './envoy-world.js';

/** Of one tunnel that was opened. */
const TUNNEL_LOG = {
  upstream: '%UPSTREAM_HOST%',
  peer: '%UPSTREAM_PEER_URI_SAN%',
  answer: '%FILTER_STATE(envoy.tcp_proxy.propagate_response_headers:TYPED)%',
  flags: '%RESPONSE_FLAGS%',
  details: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
};

/** Where the caller inside the process wants the bytes to go. */
export const DESTINATION = '%DOWNSTREAM_LOCAL_ADDRESS%';

/** A listener inside the process that opens a tunnel for each connection, by the cluster of its own name. */
function originate(name: string, tunnel: Tunnel, before: readonly Part[] = []): Part {
  return internalListener({ name, filters: [...before, tcpProxy({ name, cluster: name, tunnel, log: TUNNEL_LOG })] });
}

export interface Originator {
  readonly tls: TlsFiles;
  readonly baggage: string;
  /** SPIFFE URIs of who may answer on the single hop. */
  readonly servers: readonly string[];
  readonly http2?: Cluster['http2'];
}

export const CONNECT_ORIGINATE = 'connect_originate';

/** One hop, to the HBONE port of the destination. */
export function connectOriginate({ tls, baggage, servers: names, http2 = {} }: Originator): Configuration {
  return {
    listeners: [originate(CONNECT_ORIGINATE, { authority: DESTINATION, headers: { baggage } })],
    clusters: [originalDestination({ name: CONNECT_ORIGINATE, tls: clientTls(tls, names), http2 }, HBONE_PORT)],
  };
}

const WAYPOINT_ORIGINATE = 'waypoint_originate';

/** One hop to a waypoint, whatever the destination is; reached by the cluster of that name. */
export function waypointOriginate({ tls, baggage, servers: names }: Originator, to: HostPort): Configuration {
  return {
    listeners: [originate(WAYPOINT_ORIGINATE, { authority: DESTINATION, headers: { baggage } })],
    clusters: [cluster({ name: WAYPOINT_ORIGINATE, tls: clientTls(tls, names), http2: {} }, [to])],
  };
}

export function throughWaypoint(destination: string): Through {
  return { listener: WAYPOINT_ORIGINATE, destination };
}

export const INNER_ORIGINATE = 'inner_connect_originate';
const OUTER_ORIGINATE = 'outer_connect_originate';
const OUTER_AUTHORITY = 'isthmus.outer_authority';

export interface DoubleOriginator extends Originator {
  /** SPIFFE URIs of the gateways. */
  readonly gateways: readonly string[];
  /** Of who serves on the other network. */
  readonly backends: readonly string[];
  readonly network: string;
  /** What `x-istio-source` says. */
  readonly source: 'waypoint' | 'gateway' | 'sidecar';
}

/**
 * A tunnel in a tunnel. The caller names the gateway as destination and the service as authority; the inner hop hands both on as
 * filter state, the outer hop dials the gateway with them, for one request per connection.
 */
export function doubleOriginate(init: DoubleOriginator): Configuration {
  const { tls, baggage, network, source, http2 = {} } = init;
  const handOn = connectionFilterState([
    { key: 'envoy.network.transport_socket.original_dst_address', value: DESTINATION },
    { key: OUTER_AUTHORITY, factory: 'envoy.hashable_string', value: TOLD_AUTHORITY },
  ]);
  const inner = { authority: TOLD_AUTHORITY, headers: { baggage, 'x-forwarded-network': network } };
  const outer = { authority: `%FILTER_STATE(${OUTER_AUTHORITY}:PLAIN)%`, headers: { 'x-istio-source': source } };
  const outerCluster = {
    name: OUTER_ORIGINATE,
    tls: clientTls(tls, init.gateways),
    http2,
    maxRequestsPerConnection: 1,
  };
  return {
    listeners: [originate(INNER_ORIGINATE, inner, [handOn]), originate(OUTER_ORIGINATE, outer)],
    clusters: [
      internalCluster({ name: INNER_ORIGINATE, tls: clientTls(tls, init.backends), http2 }, [
        { listener: OUTER_ORIGINATE },
      ]),
      originalDestination(outerCluster),
    ],
  };
}

/** A plain TCP port whose bytes go into one tunnel per connection. */
export function entry(name: string, at: HostPort, through: Through): Configuration {
  return {
    listeners: [listener(at, { name, filters: [tcpProxy({ name, cluster: name })] })],
    clusters: [internalCluster({ name }, [through])],
  };
}
