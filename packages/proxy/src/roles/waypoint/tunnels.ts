/**
 * What a waypoint does with the CONNECTs it receives: decide, answer, and serve what is inside as HTTP or as opaque bytes.
 * The source's baggage ends here: it is kept as the source's description and sent to nobody.
 *
 * Bounds: `tunnels` at once; everything inside by `http/limits.ts`.
 */
import type { Duplex } from 'node:stream';
import type { Workload } from '@isthmus/sdk/discovery';
import type { IncomingConnect } from '@isthmus/sdk/hbone';
import { FAULTS, type FaultCode, HEADER } from '@isthmus/sdk/wire';
import { closableTunnel } from '../../http/closing.js';
import { type Accepted, type ConnectFacts, decideConnect } from '../../http/connect-decision.js';
import { type Detected, detect, detectHttp } from '../../http/detect.js';
import type { HttpVersion } from '../../http/exchange.js';
import { forward } from '../../http/forward.js';
import type { DownstreamListener, HttpServer } from '../../http/http-server.js';
import { createHttp1Server } from '../../http/http1-server.js';
import { createHttp2Server } from '../../http/http2-server.js';
import { type Sniffed, type Sniffing, sniff } from '../../http/sniff.js';
import type { PolicyGuard } from '../../policy/guard.js';
import { type Connections, faultOf, type OpenConnection, outcomeOf } from '../connections.js';
import { AcceptedTunnel, addressOf, type TunnelTools } from './accepted-tunnel.js';

export interface TunnelsInit extends TunnelTools {
  readonly connections: Connections;
  readonly guard: PolicyGuard;
}

export class Tunnels {
  readonly #init: TunnelsInit;
  readonly #servers: Readonly<Record<HttpVersion, HttpServer>>;

  constructor(init: TunnelsInit) {
    this.#init = init;
    const { limits, context } = init;
    const { clock } = context;
    this.#servers = { http1: createHttp1Server({ limits, clock }), http2: createHttp2Server({ limits, clock }) };
  }

  /** Lets running requests and connections finish, and asks HTTP clients to go elsewhere. */
  drain(): void {
    for (const server of Object.values(this.#servers)) server.drain();
  }

  /** Answers, and serves until the tunnel is over. */
  async serve(incoming: IncomingConnect): Promise<void> {
    const { connections, limits, context } = this.#init;
    if (connections.size >= limits.tunnels) {
      return this.#refuse(incoming, 'DOWNSTREAM_OVERFLOW', `${limits.tunnels} tunnels are open already`);
    }
    const decision = decideConnect(context.snapshot(), this.#factsOf(incoming));
    if (decision.kind === 'refuse') return this.#refuse(incoming, decision.code, decision.reason);
    const connection = connections.open();
    try {
      await this.#admit(incoming, decision, connection);
    } finally {
      connection.done();
    }
  }

  async #admit(incoming: IncomingConnect, decision: Accepted, connection: OpenConnection): Promise<void> {
    const { guard, context } = this.#init;
    const admission = guard.admit(context.snapshot(), guarded(incoming, decision.self, connection));
    if (admission.verdict === 'deny') return this.#refuse(incoming, 'POLICY_DENY', admission.reason);
    const tunnel = new AcceptedTunnel(incoming, decision, connection, this.#init);
    try {
      if (tunnel.inside === 'tcp') await serveOpaque(tunnel);
      else await this.#serveStream(tunnel, tunnel.inside);
    } finally {
      admission.release();
    }
  }

  async #serveStream(tunnel: AcceptedTunnel, inside: HttpVersion | 'sniff'): Promise<void> {
    const stream = closableTunnel(tunnel.incoming.accept(tunnel.answer));
    const over = new Promise<void>((resolve) => stream.once('close', resolve));
    stream.on('error', () => undefined);
    // From here on: also while nothing has been said.
    destroyOnCut(stream, tunnel.connection);
    const sniffed = await this.#sniff(stream, inside);
    if (sniffed === undefined) return;
    const { protocol, first } = sniffed;
    if (protocol === 'tcp') return serveSniffedTcp(tunnel, stream, first);
    if (first.length > 0) stream.unshift(first);
    this.#servers[protocol].accept(stream, this.#listenerOf(tunnel));
    await over;
  }

  /** Undefined when the client left before its protocol was known. */
  #sniff(stream: Duplex, inside: HttpVersion | 'sniff'): Promise<Sniffed<Detected> | undefined> {
    const { context, limits } = this.#init;
    const { clock, drain: hurry } = context;
    const sniffing: Sniffing<Detected> =
      inside === 'sniff'
        ? // The server may be the one to speak first.
          { detect, otherwise: 'tcp', deadlineMs: limits.detectMs }
        : { detect: detectHttp, otherwise: inside, deadlineMs: limits.headMs, hurry };
    return sniff(stream, clock, sniffing).catch(() => undefined);
  }

  #listenerOf(tunnel: AcceptedTunnel): DownstreamListener {
    const forwarding = tunnel.forwarding();
    return {
      request: (downstream) => forward(downstream, forwarding),
      malformed: (reason) => this.#deny(tunnel.incoming, 'MALFORMED_REQUEST', reason),
    };
  }

  #factsOf({ headers, connection, authority }: IncomingConnect): ConnectFacts {
    const { settings } = this.#init.context;
    return {
      self: this.#init.self(),
      network: settings.network,
      authority,
      peerIdentity: connection.peerIdentity,
      remoteIp: connection.remoteAddress,
      forwardedNetwork: headers.get(HEADER.forwardedNetwork),
      baggage: settings.baggage ? headers.peer() : undefined,
    };
  }

  #refuse(incoming: IncomingConnect, code: FaultCode, reason: string): void {
    incoming.refuse(FAULTS[code].status);
    this.#deny(incoming, code, reason);
  }

  #deny(incoming: IncomingConnect, code: FaultCode, reason: string): void {
    this.#init.context.telemetry.earlyDeny({
      reporter: 'waypoint',
      sourceAddress: addressOf(incoming),
      sourceIdentity: incoming.connection.peerIdentity,
      destinationAddress: incoming.authority ?? '',
      code,
      message: reason,
    });
  }
}

const GONE = { kind: 'fault', code: 'CLIENT_GONE', message: 'the client gave up before an answer' } as const;

/** The endpoint first: a client whose endpoint cannot be reached is told so by the status of its CONNECT. */
async function serveOpaque(tunnel: AcceptedTunnel): Promise<void> {
  const { incoming, connection } = tunnel;
  const onGone = () => connection.end(GONE);
  incoming.signal.addEventListener('abort', onGone, { once: true });
  try {
    const upstream = await tunnel.openOpaque();
    // Cut meanwhile or not: joining reports it and closes both sides.
    await upstream.join(incoming.accept(tunnel.answer));
  } catch (error) {
    incoming.refuse(FAULTS[faultOf(outcomeOf(connection, error))].status);
  } finally {
    incoming.signal.removeEventListener('abort', onGone);
  }
}

async function serveSniffedTcp(tunnel: AcceptedTunnel, stream: Duplex, first: Buffer): Promise<void> {
  try {
    const upstream = await tunnel.openOpaque();
    await upstream.join(stream, first);
  } catch (error) {
    // Reported; all that is left is to let the client see that this is no orderly end.
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function destroyOnCut(stream: Duplex, { cut }: OpenConnection): void {
  const onCut = () => stream.destroy(new Error('the tunnel must not go on'));
  if (cut.aborted) onCut();
  else cut.addEventListener('abort', onCut, { once: true });
}

/** What L4 policy at the waypoint sees: the tunnel itself, as it reached this process. */
function guarded({ connection }: IncomingConnect, self: Workload, open: OpenConnection) {
  return {
    destination: self,
    facts: {
      sourceIp: connection.remoteAddress,
      destinationIp: connection.localAddress,
      destinationPort: connection.localPort,
      identity: connection.peerIdentity,
    },
    revoke: (reason: string) => open.end({ kind: 'fault', code: 'POLICY_DENY', message: reason }),
  };
}
