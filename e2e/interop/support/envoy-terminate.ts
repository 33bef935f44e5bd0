/** Envoys that end tunnels of the mesh: one per pod, as a sidecar does, and an east-west gateway. */
import type { HostPort } from '@isthmus/tools/lab';
import { cluster } from './envoy-clusters.js';
import { connectRoute, denyAll, type HttpManager, httpManager } from './envoy-http.js';
import { type Configuration, listener, type Part, serverTls, type TlsFiles } from './envoy-parts.js';
import { ECHO, HBONE_PORT, type Server } from './envoy-world.js';

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
  status: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
};

export const CONNECT_TERMINATE = 'connect_terminate';

export interface Terminating {
  readonly ip: string;
  readonly tls: TlsFiles;
  /** SPIFFE URIs of who may come. */
  readonly clients: readonly string[];
}

/** On port 15008. */
export function terminate({ ip, tls, clients }: Terminating, manager: Omit<HttpManager, 'log'>): Part {
  const at = { host: ip, port: HBONE_PORT };
  const filters = [httpManager({ ...manager, log: TUNNEL_LOG })];
  return listener(at, { name: manager.name, tls: serverTls(tls, clients), filters });
}

/** Below those any user may bind, and nobody does. */
const DISCARD_PORT = 9;

export interface ServerAt extends Server, Terminating {
  readonly baggage: string;
}

/** Hand the bytes to one application, each with a listener of its own. */
export function servers(all: readonly ServerAt[], application: HostPort): Configuration {
  return {
    listeners: all.map((server) => terminate(server, managerOf(server))),
    clusters: [
      cluster({ name: 'application' }, [application]),
      cluster({ name: 'nobody' }, [{ host: application.host, port: DISCARD_PORT }]),
    ],
  };
}

function managerOf(server: ServerAt): Omit<HttpManager, 'log'> {
  const { name, ip, baggage, http2, maxRequestsPerConnection, drainTimeout } = server;
  const route = connectRoute('application', {
    cluster: server.isDead ? 'nobody' : 'application',
    authorities: [`${ip}:${ECHO.targetPort}`],
    responseHeaders: { baggage },
  });
  return {
    name,
    virtualHosts: [route],
    ...(server.denies && { filters: [denyAll()] }),
    ...(http2 && { http2 }),
    ...(maxRequestsPerConnection && { maxRequestsPerConnection }),
    ...(drainTimeout && { drainTimeout }),
  };
}

export interface Gateway extends Terminating {
  /** Pods behind each `hostname:port`; the inner tunnel is theirs to accept. */
  readonly backends: Readonly<Record<string, readonly string[]>>;
  readonly baggage: string;
}

/** Ends the outer tunnel, hands the inner TLS to port 15008 of a pod, reads none of it. */
export function eastWestGateway({ backends, baggage, ...terminating }: Gateway): Configuration {
  const services = Object.entries(backends);
  const manager = {
    name: CONNECT_TERMINATE,
    http2: { maxConcurrentStreams: 100 },
    virtualHosts: services.map(([authority]) =>
      connectRoute(authority, { cluster: authority, authorities: [authority], responseHeaders: { baggage } }),
    ),
    // Outer tunnels stay open for as long as something inside is.
    logsBeginnings: true,
  } as const;
  return {
    listeners: [terminate(terminating, manager)],
    clusters: services.map(([name, ips]) =>
      cluster(
        { name },
        ips.map((host) => ({ host, port: HBONE_PORT })),
      ),
    ),
  };
}
