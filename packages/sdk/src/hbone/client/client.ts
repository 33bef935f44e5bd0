/**
 * One HBONE connection as a client: dials TCP (or takes any Duplex, for a tunnel inside a tunnel), proves who it is,
 * checks who the peer is, and opens CONNECT streams. Deadlines on every step; nothing is retried here (see `pool.ts`).
 */
import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Revocations } from '../../identity/revocation.js';
import type { WorkloadCertificate } from '../../identity/types.js';
import type { Clock } from '../../runtime/clock.js';
import { meshCodec } from '../codec.js';
import { ClientConnection } from '../engine/client-connection.js';
import type { ConnectionEnd } from '../engine/connection.js';
import { hopName } from '../hop-name.js';
import { guardPeer } from '../io/peer-guard.js';
import { connectTls } from '../io/tls.js';
import type { TlsSessions } from '../io/tls-sessions.js';
import { createTransport, type Transport } from '../io/transport.js';
import { type HboneSettings, resolveSettings } from '../settings.js';
import type { ConnectRequest, HopAddress, Tunnel } from '../types.js';
import { dialTcp } from './dial-tcp.js';
import { openTunnel } from './open-tunnel.js';

export interface DialInit {
  /** A TCP address, or an open transport with the name it has in messages. */
  readonly target: HopAddress | NamedTransport;
  readonly certificate: WorkloadCertificate;
  /** SPIFFE URIs, any of which the peer may prove. */
  readonly expected: readonly string[];
  readonly clock: Clock;
  readonly settings?: Partial<HboneSettings>;
  /** Without them every handshake is a full one. */
  readonly sessions?: TlsSessions | undefined;
  /** With them, a peer whose certificate is taken back loses the connection at once. */
  readonly revocations?: Revocations | undefined;
  readonly signal?: AbortSignal;
}

export interface NamedTransport {
  readonly transport: Duplex;
  readonly name: string;
}

export interface HboneClientConnection {
  /**
   * Opens a tunnel. Rejects with a `Fault`: POLICY_DENY for 401 and 403, TUNNEL_REFUSED for any other answer than 200,
   * CONNECT_TIMEOUT without one, TUNNEL_LOST when the connection ends first; with the signal's reason when it aborts.
   */
  connect(request: ConnectRequest): Promise<Tunnel>;
  /** SPIFFE URI of the verified peer. */
  readonly peerIdentity: string;
  readonly activeStreams: number;
  /** Tunnels that can be opened now: the smaller of our cap and the peer's SETTINGS_MAX_CONCURRENT_STREAMS. */
  readonly availableStreams: number;
  /** The peer's SETTINGS are there, so `availableStreams` is what it said rather than what we assume. */
  readonly settled: boolean;
  /** Since when its window has been used up, in monotonic milliseconds; see `Connection.heldSince`. */
  readonly heldSince: number | undefined;
  /** No tunnel will be opened any more. */
  readonly draining: boolean;
  /** Opens no more tunnels, and closes when the last one has ended. */
  drain(): void;
  /** Ends everything now; open tunnels are lost. */
  close(): Promise<void>;
  /** How it ended, when the socket is gone. Never rejects. */
  readonly closed: Promise<ConnectionEnd>;
  /** Called after each change of `availableStreams` or `draining`, except that `connect` takes a stream. */
  onChange: (() => void) | undefined;
}

/** Rejects with a `Fault` that names the step that failed; nothing is left open then. */
export async function dialHbone(init: DialInit): Promise<HboneClientConnection> {
  const { certificate, clock, expected, target, signal, sessions, revocations } = init;
  const settings = resolveSettings(init.settings);
  const { transport, name } = 'transport' in target ? target : await overTcp(target, settings, clock, signal);
  const { socket, peerIdentity, proof } = await connectTls({
    transport,
    certificate,
    clock,
    timeoutMs: settings.tlsHandshakeTimeoutMs,
    peer: name,
    expected,
    sessions,
    revocations,
    ...(signal ? { signal } : {}),
  });
  const { driven, connection } = drive(socket, { peerIdentity, clock, settings, name });
  const { closed, abort: onLost } = driven;
  guardPeer({ peer: name, peerIdentity, proof, certificate, clock, revocations, closed, onLost });
  return connection;
}

/** HTTP/2 over an established socket. */
function drive(socket: Duplex, facts: Facts) {
  const { clock, settings, name } = facts;
  const handle: Handle = { onChange: undefined, lastCall: new AbortController() };
  // Each tunnel inside a tunnel of this connection listens.
  setMaxListeners(0, handle.lastCall.signal);
  const driven: Transport<ClientConnection> = createTransport({
    socket,
    clock,
    settings,
    peer: name,
    connect: (observer, now) =>
      new ClientConnection({ codec: meshCodec(), settings, now, peer: name, observer }, () => {
        if (driven.connection.isDraining) handle.lastCall.abort();
        handle.onChange?.();
      }),
  });
  return { driven, connection: describe(driven, handle, facts) };
}

async function overTcp(
  address: HopAddress,
  { connectTimeoutMs: timeoutMs, keepAliveMs }: HboneSettings,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<NamedTransport> {
  const name = hopName(address);
  const dialling = { address, name, clock, timeoutMs, keepAliveMs, ...(signal ? { signal } : {}) };
  return { name, transport: await dialTcp(dialling) };
}

interface Facts {
  readonly peerIdentity: string;
  readonly clock: Clock;
  readonly settings: HboneSettings;
  readonly name: string;
}

interface Handle {
  onChange: (() => void) | undefined;
  readonly lastCall: AbortController;
}

function describe(
  { connection, closed, close }: Transport<ClientConnection>,
  handle: Handle,
  { peerIdentity, clock, settings, name }: Facts,
): HboneClientConnection {
  const { signal: lastCall } = handle.lastCall;
  const context = { clock, peerIdentity, lastCall, name, timeoutMs: settings.answerTimeoutMs };
  return {
    peerIdentity,
    closed,
    connect: (request) => openTunnel(connection, request, context),
    get activeStreams() {
      return connection.activeStreams;
    },
    get availableStreams() {
      return connection.availableStreams;
    },
    get settled() {
      return connection.isSettled;
    },
    get heldSince() {
      return connection.heldSince;
    },
    get draining() {
      return connection.isDraining;
    },
    drain: () => connection.drain(),
    async close() {
      close();
      await closed;
    },
    get onChange() {
      return handle.onChange;
    },
    set onChange(listener) {
      handle.onChange = listener;
    },
  };
}
