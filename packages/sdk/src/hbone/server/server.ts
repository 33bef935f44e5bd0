/**
 * The HBONE server: accepts TCP, mTLS and HTTP/2 and hands CONNECTs to `onConnect`. The certificate is asked for at each
 * accept, so that a rotated one is used without a new listener. What is hostile costs its own connection only.
 *
 * Bounds: `maxConnections` (handshakes included, the oldest of which makes room for one more; with none, that one is closed
 * at once), the handshake deadlines and stream cap of `settings.ts`, the budgets of `limits.ts`.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Revocations } from '../../identity/revocation.js';
import type { WorkloadCertificate } from '../../identity/types.js';
import type { Clock } from '../../runtime/clock.js';
import { keepAliveOptions } from '../../runtime/keep-alive.js';
import type { Logger } from '../../runtime/log.js';
import type { Scope } from '../../runtime/scope.js';
import { Fault } from '../../wire/faults.js';
import { meshCodec } from '../codec.js';
import type { ConnectionEnd } from '../engine/connection.js';
import { ErrorCode } from '../engine/error-code.js';
import { type EngineRequest, ServerConnection } from '../engine/server-connection.js';
import { hopName } from '../hop-name.js';
import { guardPeer } from '../io/peer-guard.js';
import { createClientProofs } from '../io/peer-proof.js';
import { acceptTls } from '../io/tls.js';
import { createTransport, type Transport } from '../io/transport.js';
import type { Limits } from '../limits.js';
import { type HboneSettings, resolveSettings } from '../settings.js';
import type { HopAddress, IncomingConnect, IncomingConnection } from '../types.js';
import { faultOfRequest, IncomingRequest } from './incoming.js';

/** Where a connection came from and which of our addresses it was made to. */
export type TransportFacts = Omit<IncomingConnection, 'peerIdentity'>;

/** A connection or request that failed before `onConnect` could be asked. */
export interface EarlyError {
  readonly fault: Fault;
  readonly facts: TransportFacts;
  /** When the handshake got that far. */
  readonly peerIdentity?: string;
}

export interface HboneServerInit {
  /** The newest certificate; asked for at each accept. */
  certificate(facts: TransportFacts): WorkloadCertificate | Promise<WorkloadCertificate>;
  /** Answers with `accept` or `refuse`, now or later. What throws or rejects unanswered is answered 503. */
  onConnect(incoming: IncomingConnect): void | Promise<void>;
  onEarlyError?(error: EarlyError): void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings?: Partial<HboneSettings>;
  readonly limits?: Limits;
  /** With them, a client whose certificate is taken back loses its connection at once. */
  readonly revocations?: Revocations | undefined;
  /** Default 4096. */
  readonly maxConnections?: number;
}

export interface HboneServer {
  /** Binds; resolves with the address that was bound, rejects when it cannot be or the server takes no more. May be called for several addresses. */
  listen(address: HopAddress): Promise<HopAddress>;
  /** Serves one transport that came in by another way, for example the inside of a tunnel. Resolves when it is closed. */
  serve(transport: Duplex, facts: TransportFacts): Promise<void>;
  /** Takes no new connections and no new streams; resolves when the last stream has ended. */
  drain(): Promise<void>;
  /** Ends everything now. */
  close(): Promise<void>;
  /** Transports being served, handshakes included. */
  readonly connections: number;
  /** Streams of all connections. */
  readonly activeStreams: number;
}

const DEFAULT_MAX_CONNECTIONS = 4_096;

/** The scope closes the server with it. */
export function createHboneServer(scope: Scope, init: HboneServerInit): HboneServer {
  const server = new HboneListener(init);
  scope.own(() => server.close());
  return server;
}

/** One transport; `driven` from the end of its handshake on. */
interface Served {
  readonly transport: Duplex;
  driven?: Transport<ServerConnection>;
}

class HboneListener implements HboneServer {
  readonly #init: HboneServerInit;
  readonly #settings: HboneSettings;
  readonly #listeners = new Set<Server>();
  readonly #proofs = createClientProofs();
  readonly #served = new Map<Served, Promise<void>>();
  #state: 'open' | 'draining' | 'closed' = 'open';

  constructor(init: HboneServerInit) {
    this.#init = init;
    this.#settings = resolveSettings(init.settings);
  }

  get connections(): number {
    return this.#served.size;
  }

  get activeStreams(): number {
    let streams = 0;
    for (const { driven } of this.#served.keys()) streams += driven?.connection.activeStreams ?? 0;
    return streams;
  }

  async listen({ host, port }: HopAddress): Promise<HopAddress> {
    const options = { noDelay: true, ...keepAliveOptions(this.#settings.keepAliveMs) };
    const listener = createServer(options, (socket) => void this.serve(socket, factsOf(socket)));
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ host, port }, resolve);
    });
    if (this.#state !== 'open') {
      listener.close();
      throw new Error(`cannot listen on ${hopName({ host, port })}: the server is ${this.#state}`);
    }
    // After the bind, errors are of single accepts (EMFILE, say) and pass.
    listener.on('error', (error) => this.#init.log.warn({ err: error, host, port }, 'accept failed'));
    this.#listeners.add(listener);
    const bound = listener.address() as AddressInfo;
    return { host: bound.address, port: bound.port };
  }

  serve(transport: Duplex, facts: TransportFacts): Promise<void> {
    transport.on('error', ignore);
    const { maxConnections = DEFAULT_MAX_CONNECTIONS } = this.#init;
    if (this.#served.size >= maxConnections) this.#dropOldestHandshake();
    if (this.#state !== 'open' || this.#served.size >= maxConnections) {
      transport.destroy();
      if (this.#state === 'open') {
        this.#reportEarly({
          fault: new Fault('DOWNSTREAM_OVERFLOW', `${peerName(facts)} refused: ${maxConnections} connections are open`),
          facts,
        });
      }
      return Promise.resolve();
    }
    const served: Served = { transport };
    const done = this.#run(served, facts).finally(() => this.#served.delete(served));
    this.#served.set(served, done);
    return done;
  }

  /** Who came first and has not proven who it is makes room: half-open connections cannot keep others out. */
  #dropOldestHandshake(): void {
    for (const served of this.#served.keys()) {
      if (served.driven) continue;
      served.transport.destroy();
      this.#served.delete(served);
      return;
    }
  }

  /** Never rejects: whatever a transport does ends with that transport. */
  async #run(served: Served, facts: TransportFacts): Promise<void> {
    const { log } = this.#init;
    try {
      served.driven = await this.#handshake(served.transport, facts);
    } catch (error) {
      this.#reportEarly({ fault: asFault(error), facts });
      return;
    }
    const end: ConnectionEnd = await served.driven.closed;
    if (end.kind === 'fault') log.debug({ peer: peerName(facts), reason: end.fault.message }, 'HBONE connection ended');
  }

  async #handshake(transport: Duplex, facts: TransportFacts): Promise<Transport<ServerConnection>> {
    const { clock, revocations } = this.#init;
    const settings = this.#settings;
    const peer = peerName(facts);
    const certificate = await this.#certificate(transport, facts);
    const { socket, peerIdentity, proof } = await acceptTls({
      transport,
      certificate,
      clock,
      peer,
      revocations,
      proofs: this.#proofs,
      timeoutMs: settings.tlsHandshakeTimeoutMs,
    });
    const connection: IncomingConnection = { ...facts, peerIdentity };
    const driven = createTransport({
      socket,
      clock,
      settings,
      peer: `${peer} (${peerIdentity})`,
      connect: (observer, now) =>
        new ServerConnection(
          {
            codec: meshCodec('DOWNSTREAM_OVERFLOW'),
            settings,
            now,
            peer,
            observer,
            ...(this.#init.limits ? { limits: this.#init.limits } : {}),
          },
          (request) => this.#received(request, connection),
        ),
    });
    const { closed, abort: onLost } = driven;
    guardPeer({ peer, peerIdentity, proof, certificate, clock, revocations, closed, onLost });
    if (this.#state === 'draining') driven.connection.drain();
    if (this.#state === 'closed') driven.close();
    return driven;
  }

  async #certificate(transport: Duplex, facts: TransportFacts): Promise<WorkloadCertificate> {
    try {
      return await this.#init.certificate(facts);
    } catch (error) {
      transport.destroy();
      throw error;
    }
  }

  #received(request: EngineRequest, connection: IncomingConnection): void {
    const fault = faultOfRequest(request, peerName(connection));
    if (fault) {
      request.refuse(fault.row.status, []);
      this.#reportEarly({ fault, facts: connection, peerIdentity: connection.peerIdentity });
      return;
    }
    const failed = (error: unknown) => {
      this.#init.log.error({ err: error, authority: request.authority }, 'onConnect failed');
      request.refuse(error instanceof Fault ? error.row.status : 503, []);
      // When it had accepted before it failed.
      request.stream.reset(ErrorCode.INTERNAL_ERROR);
    };
    try {
      this.#init.onConnect(new IncomingRequest(request, connection))?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  async drain(): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    const listenersClosed = this.#stopListening();
    for (const { driven } of this.#served.keys()) driven?.connection.drain();
    await Promise.all([listenersClosed, ...this.#served.values()]);
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    const listenersClosed = this.#stopListening();
    for (const { driven, transport } of this.#served.keys()) {
      if (driven) driven.close('the server was closed');
      else transport.destroy();
    }
    await Promise.all([listenersClosed, ...this.#served.values()]);
  }

  /** Resolves when the listeners are closed and all their sockets with them. */
  async #stopListening(): Promise<void> {
    const closing = [...this.#listeners].map((listener) => new Promise((resolve) => listener.close(resolve)));
    this.#listeners.clear();
    await Promise.all(closing);
  }

  #reportEarly(error: EarlyError): void {
    const { log, onEarlyError } = this.#init;
    log.debug({ peer: peerName(error.facts), code: error.fault.code, reason: error.fault.message }, 'refused early');
    try {
      onEarlyError?.(error);
    } catch (thrown) {
      // Strangers can bring us here at will; a mistake of the listener must not be theirs to use.
      log.error({ err: thrown }, 'onEarlyError failed');
    }
  }
}

function factsOf(socket: Socket): TransportFacts {
  const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = socket;
  return { remoteAddress: unmapped(remoteAddress), remotePort, localAddress: unmapped(localAddress), localPort };
}

/** On a wildcard IPv6 listener IPv4 peers appear as `::ffff:10.0.0.1`; the mesh knows them by IPv4. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

function peerName({ remoteAddress, remotePort }: TransportFacts): string {
  return hopName({ host: remoteAddress, port: remotePort });
}

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Fault('IDENTITY_UNAVAILABLE', `no certificate to serve with: ${message}`, { cause: error });
}

/** A transport may fail at any time before its handshake starts to listen; unheard, that would end the process. */
function ignore(): void {}
