/** What each Envoy of the tests is: its listeners and clusters, in the arrangement that istiod gives to that role. */
import {
  type Cluster,
  type Configuration,
  clientTls,
  cluster,
  connectionFilterState,
  connectRoute,
  denyAll,
  type HostPort,
  httpManager,
  internalCluster,
  internalListener,
  listener,
  originalDestination,
  type Part,
  requestFilterState,
  requestRoute,
  serverTls,
  type Through,
  type TlsFiles,
  TOLD_AUTHORITY,
  tcpProxy,
} from './envoy-parts.js';
import { ECHO, HBONE_PORT, hostname, type Server } from './envoy-world.js';

/** Of one tunnel that was accepted. */
const TUNNEL_LOG = {
  authority: '%REQ(:AUTHORITY)%',
  method: '%REQ(:METHOD)%',
  baggage: '%REQ(BAGGAGE)%',
  forwarded: '%REQ(FORWARDED)%',
  traceparent: '%REQ(TRACEPARENT)%',
  source: '%REQ(X-ISTIO-SOURCE)%',
  network: '%REQ(X-FORWARDED-NETWORK)%',
  peer: '%DOWNSTREAM_PEER_URI_SAN%',
  tls: '%DOWNSTREAM_TLS_VERSION%',
  cipher: '%DOWNSTREAM_TLS_CIPHER%',
  connection: '%CONNECTION_ID%',
  status: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
};

/** Of one tunnel that was opened. */
const ORIGINATED_LOG = {
  upstream: '%UPSTREAM_HOST%',
  peer: '%UPSTREAM_PEER_URI_SAN%',
  answer: '%FILTER_STATE(envoy.tcp_proxy.propagate_response_headers:TYPED)%',
  flags: '%RESPONSE_FLAGS%',
  details: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
};

/** Below those any user may bind, and nobody does. */
const DISCARD_PORT = 9;

export interface ServerAt extends Server {
  readonly ip: string;
  readonly tls: TlsFiles;
  /** SPIFFE URIs. */
  readonly clients: readonly string[];
  readonly baggage: string;
}

/** Accept tunnels of the mesh and hand their bytes to one application, each with a listener of its own. */
export function servers(all: readonly ServerAt[], application: HostPort): Configuration {
  return {
    listeners: all.map((server) =>
      listener(
        { host: server.ip, port: HBONE_PORT },
        {
          name: server.name,
          tls: serverTls(server.tls, server.clients),
          filters: [
            httpManager({
              name: server.name,
              virtualHosts: [
                connectRoute('application', {
                  cluster: server.isDead ? 'nobody' : 'application',
                  authorities: [`${server.ip}:${ECHO.targetPort}`],
                  responseHeaders: { baggage: server.baggage },
                }),
              ],
              log: TUNNEL_LOG,
              ...(server.denies && { filters: [denyAll()] }),
              ...(server.http2 && { http2: server.http2 }),
              ...(server.maxRequestsPerConnection && { maxRequestsPerConnection: server.maxRequestsPerConnection }),
              ...(server.drainTimeout && { drainTimeout: server.drainTimeout }),
            }),
          ],
        },
      ),
    ),
    clusters: [
      cluster({ name: 'application' }, [application]),
      cluster({ name: 'nobody' }, [{ host: application.host, port: DISCARD_PORT }]),
    ],
  };
}

export interface Originator {
  readonly tls: TlsFiles;
  readonly baggage: string;
  /** SPIFFE URIs of who may answer on the single hop. */
  readonly servers: readonly string[];
  readonly http2?: Cluster['http2'];
}

const DOWNSTREAM_LOCAL = '%DOWNSTREAM_LOCAL_ADDRESS%';
/** The cluster that opens one HBONE hop: to the HBONE port of where its caller says the bytes are to go. */
export const CONNECT_ORIGINATE = 'connect_originate';

export function connectOriginate({ tls, baggage, servers: names, http2 = {} }: Originator): Configuration {
  return {
    listeners: [
      internalListener({
        name: CONNECT_ORIGINATE,
        filters: [
          tcpProxy({
            name: CONNECT_ORIGINATE,
            cluster: CONNECT_ORIGINATE,
            tunnel: { authority: DOWNSTREAM_LOCAL, headers: { baggage } },
            log: ORIGINATED_LOG,
          }),
        ],
      }),
    ],
    clusters: [originalDestination({ name: CONNECT_ORIGINATE, tls: clientTls(tls, names), http2 }, HBONE_PORT)],
  };
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
  const inner = internalListener({
    name: INNER_ORIGINATE,
    filters: [
      connectionFilterState([
        { key: 'envoy.network.transport_socket.original_dst_address', value: DOWNSTREAM_LOCAL },
        { key: OUTER_AUTHORITY, factory: 'envoy.hashable_string', value: TOLD_AUTHORITY },
      ]),
      tcpProxy({
        name: INNER_ORIGINATE,
        cluster: INNER_ORIGINATE,
        tunnel: {
          authority: TOLD_AUTHORITY,
          headers: { baggage: init.baggage, 'x-forwarded-network': init.network },
        },
        log: ORIGINATED_LOG,
      }),
    ],
  });
  const outer = internalListener({
    name: OUTER_ORIGINATE,
    filters: [
      tcpProxy({
        name: OUTER_ORIGINATE,
        cluster: OUTER_ORIGINATE,
        tunnel: {
          authority: `%FILTER_STATE(${OUTER_AUTHORITY}:PLAIN)%`,
          headers: { 'x-istio-source': init.source },
        },
        log: ORIGINATED_LOG,
      }),
    ],
  });
  const http2 = init.http2 ?? {};
  return {
    listeners: [inner, outer],
    clusters: [
      internalCluster({ name: INNER_ORIGINATE, tls: clientTls(init.tls, init.backends), http2 }, [
        { listener: OUTER_ORIGINATE },
      ]),
      originalDestination({
        name: OUTER_ORIGINATE,
        tls: clientTls(init.tls, init.gateways),
        http2,
        maxRequestsPerConnection: 1,
      }),
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

export interface Gateway {
  readonly ip: string;
  readonly tls: TlsFiles;
  readonly clients: readonly string[];
  /** Pods behind each `hostname:port`; the inner tunnel is theirs to accept. */
  readonly backends: Readonly<Record<string, readonly string[]>>;
  readonly baggage: string;
}

/** An east-west gateway: ends the outer tunnel, hands the inner TLS to port 15008 of a pod, reads none of it. */
export function eastWestGateway({ ip, tls, clients, backends, baggage }: Gateway): Configuration {
  const services = Object.entries(backends);
  return {
    listeners: [
      listener(
        { host: ip, port: HBONE_PORT },
        {
          name: 'connect_terminate',
          tls: serverTls(tls, clients),
          filters: [
            httpManager({
              name: 'connect_terminate',
              http2: { maxConcurrentStreams: 100 },
              virtualHosts: services.map(([authority]) =>
                connectRoute(authority, { cluster: authority, authorities: [authority], responseHeaders: { baggage } }),
              ),
              log: TUNNEL_LOG,
              // Outer tunnels stay open for as long as something inside is.
              logsBeginnings: true,
            }),
          ],
        },
      ),
    ],
    clusters: services.map(([name, ips]) =>
      cluster(
        { name },
        ips.map((host) => ({ host, port: HBONE_PORT })),
      ),
    ),
  };
}

export interface Waypoint extends DoubleOriginator {
  readonly ip: string;
  readonly clients: readonly string[];
  /** What it balances over; each is one hop away, or behind a gateway. */
  readonly endpoints: readonly Through[];
}

/** A waypoint: ends the tunnel, reads HTTP inside it, and chooses an endpoint for each request. */
export function waypoint(init: Waypoint): Configuration {
  const single = connectOriginate(init);
  const double = doubleOriginate(init);
  return join(single, double, {
    listeners: [
      listener(
        { host: init.ip, port: HBONE_PORT },
        {
          name: 'connect_terminate',
          tls: serverTls(init.tls, init.clients),
          filters: [
            httpManager({
              name: 'connect_terminate',
              http2: { maxConcurrentStreams: 100 },
              virtualHosts: [
                connectRoute('main_internal', {
                  cluster: 'main_internal',
                  responseHeaders: { baggage: init.baggage },
                }),
              ],
              filters: [
                requestFilterState([
                  { key: 'envoy.filters.listener.original_dst.local_ip', value: '%REQ(:AUTHORITY)%' },
                  { key: 'envoy.filters.listener.original_dst.remote_ip', value: '%DOWNSTREAM_REMOTE_ADDRESS%' },
                ]),
              ],
              log: TUNNEL_LOG,
            }),
          ],
        },
      ),
      internalListener({
        name: 'main_internal',
        filters: [
          httpManager({
            name: 'main_internal',
            codec: 'AUTO',
            virtualHosts: [requestRoute('service', { cluster: 'service' })],
            log: {
              path: '%REQ(:PATH)%',
              status: '%RESPONSE_CODE%',
              upstream: '%UPSTREAM_HOST%',
              destination: DOWNSTREAM_LOCAL,
              flags: '%RESPONSE_FLAGS%',
            },
          }),
        ],
      }),
    ],
    clusters: [
      internalCluster({ name: 'main_internal' }, [{ listener: 'main_internal' }]),
      internalCluster({ name: 'service' }, init.endpoints),
    ],
  });
}

/** A plain web server that says by which version of HTTP it was asked. */
export function webServer(at: HostPort): Configuration {
  const answer: Part = {
    name: 'web',
    domains: ['*'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'envoy' } } }],
    response_headers_to_add: [{ header: { key: 'x-protocol', value: '%PROTOCOL%' } }],
  };
  const log = { protocol: '%PROTOCOL%', path: '%REQ(:PATH)%', baggage: '%REQ(BAGGAGE)%', status: '%RESPONSE_CODE%' };
  return {
    listeners: [
      listener(at, {
        name: 'web',
        filters: [httpManager({ name: 'web', codec: 'AUTO', virtualHosts: [answer], log })],
      }),
    ],
    clusters: [],
  };
}

export interface Tunneled {
  readonly at: HostPort;
  readonly tls: TlsFiles;
  readonly waypoint: HostPort;
  readonly waypointIdentity: string;
  /** `VIP:port`. */
  readonly authority: string;
  readonly baggage: string;
}

/** A proxy that takes requests and sends them to a waypoint, as an ingress gateway does. */
export function towardsWaypoint({
  at,
  tls,
  waypoint: to,
  waypointIdentity,
  authority,
  baggage,
}: Tunneled): Configuration {
  return {
    listeners: [
      listener(at, {
        name: 'to_waypoint',
        filters: [
          httpManager({
            name: 'to_waypoint',
            codec: 'AUTO',
            virtualHosts: [requestRoute('service', { cluster: 'service' })],
            log: { path: '%REQ(:PATH)%', status: '%RESPONSE_CODE%', flags: '%RESPONSE_FLAGS%' },
          }),
        ],
      }),
      internalListener({
        name: 'waypoint_originate',
        filters: [
          tcpProxy({
            name: 'waypoint_originate',
            cluster: 'waypoint_originate',
            tunnel: { authority: DOWNSTREAM_LOCAL, headers: { baggage } },
            log: ORIGINATED_LOG,
          }),
        ],
      }),
    ],
    clusters: [
      internalCluster({ name: 'service' }, [{ listener: 'waypoint_originate', destination: authority }]),
      cluster({ name: 'waypoint_originate', tls: clientTls(tls, [waypointIdentity]), http2: {} }, [to]),
    ],
  };
}

export function join(...parts: readonly Configuration[]): Configuration {
  return {
    listeners: parts.flatMap(({ listeners }) => listeners),
    clusters: parts.flatMap(({ clusters }) => clusters),
  };
}

/** Behind which `hostname:port` a service is asked for on another network. */
export function authorityOf(service: string): string {
  return `${hostname(service)}:${ECHO.port}`;
}
