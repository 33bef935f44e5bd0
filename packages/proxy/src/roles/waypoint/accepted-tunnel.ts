/** A CONNECT the waypoint has accepted: who calls, what for, and how its requests and bytes find their way on. */
import type { Workload } from '@isthmus/sdk/discovery';
import type { HeaderField, IncomingConnect } from '@isthmus/sdk/hbone';
import { baggageOf } from '@isthmus/sdk/peer';
import { formatSocketAddress, type Plan, planWaypointUpstream } from '@isthmus/sdk/routing';
import { HEADER } from '@isthmus/sdk/wire';
import type { Accepted } from '../../http/connect-decision.js';
import type { ForwardInit } from '../../http/forward.js';
import type { HttpLimits } from '../../http/limits.js';
import type { UpstreamPool } from '../../http/upstream-pool.js';
import type { OpenConnection } from '../connections.js';
import type { RoleContext } from '../role.js';
import { type OpaqueUpstream, openOpaque } from './opaque.js';

/** What all tunnels of a waypoint share. */
export interface TunnelTools {
  readonly context: RoleContext;
  readonly limits: HttpLimits;
  /** Connections for HTTP requests. */
  readonly pool: UpstreamPool;
  newRequestId(): string;
  /** The waypoint's own record in the newest snapshot. */
  self(): Workload | undefined;
}

export class AcceptedTunnel {
  readonly incoming: IncomingConnect;
  readonly inside: Accepted['inside'];
  readonly connection: OpenConnection;
  readonly #decision: Accepted;
  readonly #tools: TunnelTools;

  constructor(incoming: IncomingConnect, decision: Accepted, connection: OpenConnection, tools: TunnelTools) {
    this.incoming = incoming;
    this.inside = decision.inside;
    this.connection = connection;
    this.#decision = decision;
    this.#tools = tools;
  }

  /** Header fields of the 200: the waypoint describes itself, not whom it stands for. */
  get answer(): readonly HeaderField[] {
    return this.#tools.context.settings.baggage ? [[HEADER.baggage, baggageOf(this.#decision.self)]] : [];
  }

  /** How its HTTP requests are forwarded. */
  forwarding(): ForwardInit {
    const { context, pool, limits, newRequestId } = this.#tools;
    return {
      origin: { ...this.#origin(), mutualTls: true },
      route: (avoid) => this.#route(avoid),
      pool,
      limits,
      clock: context.clock,
      telemetry: context.telemetry,
      newRequestId,
    };
  }

  /** Rejects when there is no connection; that has been reported then. */
  openOpaque(): Promise<OpaqueUpstream> {
    const { context } = this.#tools;
    const authority = this.incoming.authority ?? '';
    return openOpaque({
      plan: this.#route(),
      facts: { ...this.#origin(), destinationAddress: authority, hboneAddress: authority, mutualTls: true },
      telemetry: context.telemetry,
      connection: this.connection,
      open: (plan) => this.#originate(plan),
    });
  }

  #originate(plan: Parameters<RoleContext['originate']>[0]) {
    const { originate, settings } = this.#tools.context;
    const traceparent = this.incoming.headers.get(HEADER.traceparent);
    return originate(plan, {
      source: this.#decision.self,
      clientAddress: addressOf(this.incoming),
      // The connections underneath are the waypoint's own, whoever the client is.
      clientIp: settings.instanceIp ?? '',
      ...(traceparent !== undefined && { traceparent }),
      sourceRole: 'waypoint',
      signal: this.connection.cut,
    });
  }

  /** By the newest snapshot, so that a tunnel of hours follows the mesh. */
  #route(avoid?: ReadonlySet<string>): Plan {
    const { destination, arrival, self } = this.#decision;
    const { context } = this.#tools;
    return planWaypointUpstream(context.snapshot(), {
      waypoint: this.#tools.self() ?? self,
      network: context.settings.network,
      destination,
      arrival,
      random: context.random,
      avoid,
    });
  }

  #origin() {
    const { source, destination } = this.#decision;
    const service = destination.kind === 'service' ? { service: destination.service } : {};
    return { source, sourceAddress: addressOf(this.incoming), ...service };
  }
}

export function addressOf({ connection }: Pick<IncomingConnect, 'connection'>): string {
  return formatSocketAddress(connection.remoteAddress, connection.remotePort);
}
