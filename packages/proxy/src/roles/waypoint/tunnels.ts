/**
 * Everything a waypoint does with the CONNECTs it receives: decide, answer with its own metadata, and serve what is inside
 * as HTTP or as opaque bytes. The source's baggage ends here: it is kept as the source's description and sent to nobody.
 *
 * Bounds: `tunnels` at once; everything inside by `http/limits.ts`.
 */
import type { Duplex } from 'node:stream';
import type { Workload } from '@isthmus/sdk/discovery';
import type { HeaderField, IncomingConnect } from '@isthmus/sdk/hbone';
import { decodePeerBaggage } from '@isthmus/sdk/peer';
import { formatSocketAddress, type Plan, planWaypointUpstream } from '@isthmus/sdk/routing';
import { FAULTS, type FaultCode, HEADER } from '@isthmus/sdk/wire';
import { closableTunnel } from '../../http/closing.js';
import { type Accepted, decideConnect } from '../../http/connect-decision.js';
import type { HttpVersion } from '../../http/exchange.js';
import { forward } from '../../http/forward.js';
import type { DownstreamListener, HttpServer } from '../../http/http-server.js';
import { createHttp1Server } from '../../http/http1-server.js';
import { createHttp2Server } from '../../http/http2-server.js';
import type { HttpLimits } from '../../http/limits.js';
import { type Sniffed, sniff } from '../../http/sniff.js';
import type { UpstreamPool } from '../../http/upstream-pool.js';
import { baggageOf } from '../../originate/headers.js';
import type { PolicyGuard } from '../../policy/guard.js';
import { type Connections, faultOf, type OpenConnection, outcomeOf } from '../connections.js';
import type { RoleContext } from '../role.js';
import { type OpaqueUpstream, openOpaque } from './opaque.js';

export interface TunnelsInit {
  readonly context: RoleContext;
  readonly limits: HttpLimits;
  /** Connections for HTTP requests. */
  readonly pool: UpstreamPool;
  readonly connections: Connections;
  readonly guard: PolicyGuard;
  newRequestId(): string;
  /** The waypoint's own record in the newest snapshot. */
  self(): Workload | undefined;
}

export interface Tunnels {
  /** Answers, and serves until the tunnel is over. */
  serve(incoming: IncomingConnect): Promise<void>;
  /** Lets running requests and connections finish, and asks HTTP clients to go elsewhere. */
  drain(): void;
}

/** An accepted CONNECT and what is known about it. */
interface Tunnel {
  readonly incoming: IncomingConnect;
  readonly decision: Accepted;
  readonly sourceAddress: string;
  readonly connection: OpenConnection;
}

export function createTunnels(init: TunnelsInit): Tunnels {
  const { context, limits, connections } = init;
  const { clock, telemetry, settings } = context;
  const servers: Readonly<Record<HttpVersion, HttpServer>> = {
    http1: createHttp1Server({ limits, clock }),
    http2: createHttp2Server({ limits, clock }),
  };

  return {
    serve,
    drain() {
      for (const server of Object.values(servers)) server.drain();
    },
  };

  async function serve(incoming: IncomingConnect): Promise<void> {
    if (connections.size >= limits.tunnels) {
      return refuse(incoming, 'UPSTREAM_OVERFLOW', `${limits.tunnels} tunnels are open already`);
    }
    const decision = decideConnect(context.snapshot(), factsOf(incoming));
    if (decision.kind === 'refuse') return refuse(incoming, decision.code, decision.reason);
    const connection = connections.open();
    const admission = init.guard.admit(context.snapshot(), guarded(incoming, decision.self, connection));
    try {
      if (admission.verdict === 'deny') return refuse(incoming, 'POLICY_DENY', admission.reason);
      const sourceAddress = addressOf(incoming);
      const tunnel = { incoming, decision, sourceAddress, connection };
      if (decision.inside === 'tcp') await serveOpaque(tunnel);
      else await serveStream(tunnel, decision.inside);
    } finally {
      if (admission.verdict === 'allow') admission.release();
      connection.done();
    }
  }

  /** The endpoint first: a client whose endpoint cannot be reached is told so by the status of its CONNECT. */
  async function serveOpaque(tunnel: Tunnel): Promise<void> {
    const { incoming, connection } = tunnel;
    const onGone = () => connection.end(GONE);
    incoming.signal.addEventListener('abort', onGone, { once: true });
    try {
      const upstream = await openUpstream(tunnel);
      // Cut meanwhile or not: joining reports it and closes both sides.
      await upstream.join(incoming.accept(answerOf(tunnel)));
    } catch (error) {
      incoming.refuse(FAULTS[faultOf(outcomeOf(connection, error))].status);
    } finally {
      incoming.signal.removeEventListener('abort', onGone);
    }
  }

  async function serveStream(tunnel: Tunnel, inside: Exclude<Accepted['inside'], 'tcp'>): Promise<void> {
    const stream = closableTunnel(tunnel.incoming.accept(answerOf(tunnel)));
    const over = new Promise<void>((resolve) => stream.once('close', resolve));
    stream.on('error', () => undefined);
    const sniffed = inside === 'sniff' ? await protocolOf(stream) : { protocol: inside, first: NOTHING };
    if (sniffed === undefined) return;
    const { protocol, first } = sniffed;
    if (protocol === 'tcp') return serveSniffedTcp(tunnel, stream, first);
    if (first.length > 0) stream.unshift(first);
    const { cut } = tunnel.connection;
    const onCut = () => stream.destroy(new Error('the tunnel must not go on'));
    if (cut.aborted) onCut();
    cut.addEventListener('abort', onCut, { once: true });
    servers[protocol].accept(stream, listenerOf(tunnel));
    await over;
  }

  /** Undefined when the client left before it was known. */
  function protocolOf(stream: Duplex): Promise<Sniffed | undefined> {
    return sniff(stream, clock, limits.detectMs).catch(() => undefined);
  }

  async function serveSniffedTcp(tunnel: Tunnel, stream: Duplex, first: Buffer): Promise<void> {
    try {
      const upstream = await openUpstream(tunnel);
      await upstream.join(stream, first);
    } catch (error) {
      // Reported; all that is left is to let the client see that this is no orderly end.
      stream.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  function openUpstream({ incoming, decision, sourceAddress, connection }: Tunnel): Promise<OpaqueUpstream> {
    const { self, source, destination } = decision;
    const authority = incoming.authority ?? '';
    const traceparent = incoming.headers.get(HEADER.traceparent);
    return openOpaque({
      plan: route(decision),
      facts: {
        source,
        sourceAddress,
        destinationAddress: authority,
        hboneAddress: authority,
        mutualTls: true,
        ...(destination.kind === 'service' && { service: destination.service }),
      },
      telemetry,
      connection,
      open: (plan) =>
        context.originate(plan, {
          source: self,
          clientAddress: sourceAddress,
          // The tunnels underneath are the waypoint's own, whoever the client is.
          clientIp: settings.instanceIp ?? '',
          ...(traceparent !== undefined && { traceparent }),
          sourceRole: 'waypoint',
          signal: connection.cut,
        }),
    });
  }

  function route(decision: Accepted, avoid?: ReadonlySet<string>): Plan {
    return planWaypointUpstream(context.snapshot(), {
      waypoint: init.self() ?? decision.self,
      network: settings.network,
      destination: decision.destination,
      arrival: decision.arrival,
      random: context.random,
      avoid,
    });
  }

  function listenerOf({ incoming, decision, sourceAddress }: Tunnel): DownstreamListener {
    const { source, destination } = decision;
    const service = destination.kind === 'service' ? { service: destination.service } : {};
    const forwarding = {
      origin: { source, sourceAddress, mutualTls: true, ...service },
      route: (avoid: ReadonlySet<string>) => route(decision, avoid),
      pool: init.pool,
      telemetry,
      clock,
      limits,
      newRequestId: init.newRequestId,
    };
    return {
      request: (downstream) => forward(downstream, forwarding),
      malformed: (reason) => denied(incoming, 'MALFORMED_REQUEST', reason),
    };
  }

  function factsOf({ headers, connection, authority }: IncomingConnect) {
    return {
      self: init.self(),
      network: settings.network,
      authority,
      peerIdentity: connection.peerIdentity,
      remoteIp: connection.remoteAddress,
      forwardedNetwork: headers.get(HEADER.forwardedNetwork),
      baggage: settings.baggage ? decodePeerBaggage(headers.baggage()) : undefined,
    };
  }

  function answerOf({ decision }: Tunnel): readonly HeaderField[] {
    return settings.baggage ? [[HEADER.baggage, baggageOf(decision.self)]] : [];
  }

  function refuse(incoming: IncomingConnect, code: FaultCode, reason: string): void {
    incoming.refuse(FAULTS[code].status);
    denied(incoming, code, reason);
  }

  function denied(incoming: IncomingConnect, code: FaultCode, reason: string): void {
    telemetry.earlyDeny({
      reporter: 'waypoint',
      sourceAddress: addressOf(incoming),
      destinationAddress: incoming.authority ?? '',
      code,
      message: `${incoming.connection.peerIdentity}: ${reason}`,
    });
  }
}

const NOTHING = Buffer.alloc(0);
const GONE = { kind: 'fault', code: 'CLIENT_GONE', message: 'the client gave up before an answer' } as const;

function addressOf({ connection }: IncomingConnect): string {
  return formatSocketAddress(connection.remoteAddress, connection.remotePort);
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
