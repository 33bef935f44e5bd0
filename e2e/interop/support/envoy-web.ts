/** Envoys that read HTTP inside or outside of tunnels: a waypoint, a client of one, a web server. */
import type { HostPort } from '@isthmus/tools/lab';
import { internalCluster, type Through } from './envoy-clusters.js';
import { connectRoute, httpManager, requestFilterState, requestRoute } from './envoy-http.js';
import {
  connectOriginate,
  DESTINATION,
  type DoubleOriginator,
  doubleOriginate,
  type Originator,
  throughWaypoint,
  waypointOriginate,
} from './envoy-originate.js';
import { type Configuration, internalListener, join, listener, type Part } from './envoy-parts.js';
import { CONNECT_TERMINATE, type Terminating, terminate } from './envoy-terminate.js';

const REQUEST_LOG = {
  path: '%REQ(:PATH)%',
  protocol: '%PROTOCOL%',
  baggage: '%REQ(BAGGAGE)%',
  status: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  upstream: '%UPSTREAM_HOST%',
  destination: DESTINATION,
};

const SERVICE = 'service';

/** Reads HTTP of either version. */
function requests(name: string, virtualHost: Part): Part {
  return httpManager({ name, codec: 'AUTO', virtualHosts: [virtualHost], log: REQUEST_LOG });
}

export interface Waypoint extends DoubleOriginator, Terminating {
  /** What it balances over; each is one hop away, or behind a gateway. */
  readonly endpoints: readonly Through[];
}

const MAIN_INTERNAL = 'main_internal';

/** Ends the tunnel, reads HTTP inside it, and chooses an endpoint for each request. */
export function waypoint(init: Waypoint): Configuration {
  const { baggage, endpoints } = init;
  const outside = terminate(init, {
    name: CONNECT_TERMINATE,
    http2: { maxConcurrentStreams: 100 },
    virtualHosts: [connectRoute(MAIN_INTERNAL, { cluster: MAIN_INTERNAL, responseHeaders: { baggage } })],
    filters: [
      requestFilterState([
        { key: 'envoy.filters.listener.original_dst.local_ip', value: '%REQ(:AUTHORITY)%' },
        { key: 'envoy.filters.listener.original_dst.remote_ip', value: '%DOWNSTREAM_REMOTE_ADDRESS%' },
      ]),
    ],
  });
  const route = requestRoute(SERVICE, { cluster: SERVICE });
  const inside = internalListener({ name: MAIN_INTERNAL, filters: [requests(MAIN_INTERNAL, route)] });
  const clusters = [
    internalCluster({ name: MAIN_INTERNAL }, [{ listener: MAIN_INTERNAL }]),
    internalCluster({ name: SERVICE }, endpoints),
  ];
  return join(connectOriginate(init), doubleOriginate(init), { listeners: [outside, inside], clusters });
}

export interface Front extends Originator {
  readonly at: HostPort;
  readonly waypoint: HostPort;
  /** `VIP:port`. */
  readonly authority: string;
}

/** Takes requests and sends them to a waypoint, as an ingress gateway does. */
export function front(name: string, { at, waypoint: to, authority, ...originator }: Front): Configuration {
  const route = requestRoute(SERVICE, { cluster: SERVICE });
  return join(waypointOriginate(originator, to), {
    listeners: [listener(at, { name, filters: [requests(name, route)] })],
    clusters: [internalCluster({ name: SERVICE }, [throughWaypoint(authority)])],
  });
}

/** Answers every request itself. */
export function webServer(name: string, at: HostPort): Configuration {
  const answer = {
    name,
    domains: ['*'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'envoy' } } }],
  };
  return { listeners: [listener(at, { name, filters: [requests(name, answer)] })], clusters: [] };
}
