/**
 * The pool its users see: tunnels over one hop, and tunnels inside tunnels. Connections of both kinds are shared and
 * bounded in the same way (`connection-pool.ts`). Nothing ever waits for a stream to end: when the peer takes no more on
 * one connection, another is opened.
 *
 * Bounds, all of `settings.ts`: `maxStreamsPerConnection` streams each and never more than the peer takes;
 * `poolMaxConnections` and `innerMaxConnections` connections; `poolIdleMs` for one without streams; `innerMaxBackends`
 * and `innerAgeMs` for those through a gateway.
 */
import type { Revocations } from '../../identity/revocation.js';
import type { Clock } from '../../runtime/clock.js';
import type { Scope } from '../../runtime/scope.js';
import { hopName } from '../hop-name.js';
import { createTlsSessions } from '../io/tls-sessions.js';
import { type HboneSettings, resolveSettings } from '../settings.js';
import type { ConnectRequest, Tunnel } from '../types.js';
import { dialHbone } from './client.js';
import { ConnectionPool, type Route } from './connection-pool.js';
import { hopKey, type PoolHop } from './hop.js';
import { type Dialling, nestedRoute, type PooledNestedInit, withLayer } from './nested.js';

export interface HbonePoolInit {
  readonly clock: Clock;
  readonly settings?: Partial<HboneSettings>;
  /** With them, a peer whose certificate is taken back loses its connections at once. */
  readonly revocations?: Revocations | undefined;
  /** In [0, 1). Default Math.random. */
  readonly random?: () => number;
}

export interface HbonePool {
  /** Rejects as `HboneClientConnection.connect` does, and with what dialling can fail of. */
  connect(hop: PoolHop, request: ConnectRequest): Promise<Tunnel>;
  /** The same through the gateway of another network; the fault's message says which layer failed and at which hop. */
  connectNested(init: PooledNestedInit): Promise<Tunnel>;
  /** Resolves when a connection over that hop can be had: one is opened, judged as all are, and closed. Not in `size`. */
  probe(hop: PoolHop, signal: AbortSignal): Promise<void>;
  /** Connections over one hop, open and being opened, idle ones included. */
  readonly size: number;
  /** Inner connections. */
  readonly innerSize: number;
  readonly clock: Clock;
  readonly settings: HboneSettings;
}

/** The scope closes every connection with it; dials under way are given up. */
export function createHbonePool(scope: Scope, init: HbonePoolInit): HbonePool {
  const { clock, random = Math.random } = init;
  const settings = resolveSettings(init.settings);
  const common = { clock, random, settings };
  const { poolMaxConnections, innerMaxConnections, innerMaxBackends, innerAgeMs } = settings;
  const outer = new ConnectionPool(scope, {
    ...common,
    bounds: { maxConnections: poolMaxConnections, backendLimit: 1, ageMs: Number.POSITIVE_INFINITY },
  });
  // After the outer one, so that it is closed before what carries it.
  const inner = new ConnectionPool(scope, {
    ...common,
    bounds: { maxConnections: innerMaxConnections, backendLimit: innerMaxBackends, ageMs: innerAgeMs },
  });
  const dialling: Dialling = { clock, settings, sessions: createTlsSessions(), revocations: init.revocations };
  const pool: HbonePool = {
    clock,
    settings,
    connect: (hop, request) => outer.connect(hopRoute(hop, dialling), request),
    connectNested(nested) {
      const { authority, innerHeaders: headers, signal } = nested;
      const request = { authority, headers, ...(signal && { signal }) };
      return inner.connect(nestedRoute({ ...dialling, connect: pool.connect }, nested), request).catch((error) => {
        throw withLayer(error, nested);
      });
    },
    async probe(hop, signal) {
      const { connection } = await hopRoute(hop, dialling).dial(signal);
      await connection.close();
    },
    get size() {
      return outer.size;
    },
    get innerSize() {
      return inner.size;
    },
  };
  return pool;
}

function hopRoute(hop: PoolHop, dialling: Dialling): Route {
  const { source: certificate, expected, address, localAddress } = hop;
  return {
    certificate,
    key: hopKey(hop),
    name: hopName(address),
    capacity: 1,
    dial: async (signal) => {
      const target = localAddress === undefined ? address : { ...address, localAddress };
      return { connection: await dialHbone({ ...dialling, target, certificate, expected, signal }) };
    },
    backendOf: () => undefined,
  };
}
