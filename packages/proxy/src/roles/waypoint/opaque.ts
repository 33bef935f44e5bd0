/**
 * A connection whose bytes are none of the waypoint's business: one endpoint for its whole life, both directions joined
 * with half-close, both ends named in telemetry. The destination is known across networks too, because it comes with the
 * very tunnel that was opened; Istio's waypoint leaves it unknown.
 */
import type { PumpSide } from '@isthmus/sdk/hbone';
import { type Originated, plannedDestination } from '@isthmus/sdk/originate';
import type { Plan, RefusePlan } from '@isthmus/sdk/routing';
import { Fault } from '@isthmus/sdk/wire';
import type { ConnectionFacts, ConnectionRecord, Telemetry } from '../../telemetry/types.js';
import { type OpenConnection, outcomeOf } from '../connections.js';
import { join } from '../join.js';

export interface OpaqueInit {
  readonly plan: Plan;
  readonly facts: Omit<ConnectionFacts, 'reporter' | 'destination'>;
  readonly telemetry: Pick<Telemetry, 'connection'>;
  readonly connection: OpenConnection;
  /** Rejects with a `Fault`. */
  open(plan: Exclude<Plan, RefusePlan>): Promise<Originated>;
}

/** A connection to an endpoint, waiting for the client's side. */
export interface OpaqueUpstream {
  /** Takes both over; resolves when all is over and reported. `first` are bytes of the client that were read already. */
  join(client: PumpSide, first?: Buffer): Promise<void>;
}

/** Rejects when there is no connection; that has been reported then. */
export async function openOpaque(init: OpaqueInit): Promise<OpaqueUpstream> {
  const { plan, facts, telemetry, connection } = init;
  const record = telemetry.connection({ ...facts, reporter: 'waypoint', destination: plannedDestination(plan) });
  try {
    if (plan.kind === 'refuse') throw new Fault(plan.fault, plan.reason);
    const originated = await init.open(plan);
    record.opened(originated.destination);
    return upstreamOf(originated, record, connection.cut);
  } catch (error) {
    record.close(outcomeOf(connection, error));
    throw error;
  }
}

function upstreamOf({ channel }: Originated, record: ConnectionRecord, cut: AbortSignal): OpaqueUpstream {
  const server = channel.kind === 'tcp' ? channel.socket : channel.tunnel.stream;
  return {
    async join(client, first) {
      if (first !== undefined && first.length > 0) {
        record.received(first.length);
        server.write(first);
      }
      record.close(await join({ client, server, record, cut }));
    },
  };
}
