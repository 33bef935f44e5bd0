/**
 * A captured connection on its way out: plan, originate, join. Errors end that connection only, with a line in the access
 * log that says why, and the client is told as far as its protocol can.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import type { Originated } from '@isthmus/sdk/originate';
import { plannedDestination } from '@isthmus/sdk/originate';
import { mergePeer, type Peer } from '@isthmus/sdk/peer';
import { formatSocketAddress, identityOf, missingOutbound, type Plan, planOutbound } from '@isthmus/sdk/routing';
import type { FaultCode } from '@isthmus/sdk/wire';
import type { Captured } from '../../capture/types.js';
import type { ConnectionFacts, ConnectionRecord } from '../../telemetry/types.js';
import { type Connections, faultOf, type OpenConnection, outcomeOf } from '../connections.js';
import { join } from '../join.js';
import { learn } from '../learn.js';
import { findLocal } from '../local-workloads.js';
import type { RoleContext } from '../role.js';

export interface OutboundInit {
  readonly context: RoleContext;
  readonly connections: Connections;
  /** Workloads this process stands for now. */
  locals(): readonly Workload[];
}

export function createOutbound(init: OutboundInit): (captured: Captured) => void {
  const { context, locals } = init;
  return (captured) => {
    const source = findLocal(locals(), captured.workload);
    if (!source) {
      const { namespace, name } = captured.workload;
      return refuse(
        captured,
        context,
        'LOCAL_WORKLOAD_UNKNOWN',
        `${namespace}/${name} is not a workload of this proxy`,
      );
    }
    if (context.demand) void forwardInformed(captured, source, init);
    else forward(captured, source, init);
  };
}

/** Once all is known that the decision needs. What nobody answered about is refused: it may be anything, passed through or not. */
async function forwardInformed(captured: Captured, source: Workload, init: OutboundInit): Promise<void> {
  const { context } = init;
  const { network } = context.settings;
  const { target, socket } = captured;
  const unanswered = await learn(context, (snapshot) => missingOutbound(snapshot, { source, network, target }));
  if (socket.destroyed) return refuse(captured, context, 'CLIENT_GONE', 'closed before its destination was known');
  if (unanswered.length === 0) return forward(captured, source, init);
  const reason = `the control plane did not answer for ${unanswered.join(', ')} in time`;
  refuse(captured, context, 'UNKNOWN_DESTINATION', reason);
}

function forward(captured: Captured, source: Workload, { context, connections }: OutboundInit): void {
  const { random, settings } = context;
  const { target } = captured;
  const plan = planOutbound(context.snapshot(), { source, network: settings.network, target, random });
  if (plan.kind === 'refuse' && !plan.service) {
    refuse(captured, context, plan.fault, plan.reason);
    return;
  }
  const connection = connections.open();
  const record = context.telemetry.connection(factsOf(captured, source, plan));
  void carry({ captured, source, plan, record, connection, context }).finally(connection.done);
}

interface Carried {
  readonly captured: Captured;
  readonly source: Workload;
  readonly plan: Plan;
  readonly record: ConnectionRecord;
  readonly connection: OpenConnection;
  readonly context: RoleContext;
}

/** Never rejects; closes the record exactly once. */
async function carry({ captured, source, plan, record, connection, context }: Carried): Promise<void> {
  const { socket } = captured;
  // The service was known, so the failure is counted under it, although nobody could be asked.
  if (plan.kind === 'refuse') return fail(captured, record, { kind: 'fault', code: plan.fault, message: plan.reason });
  const onGone = () =>
    connection.end({ kind: 'fault', code: 'CLIENT_GONE', message: 'closed before it was connected' });
  socket.once('close', onGone);
  let originated: Originated;
  try {
    const { clientAddress, clientIp } = captured;
    originated = await context.originate(plan, { source, clientAddress, clientIp, signal: connection.cut });
  } catch (error) {
    return fail(captured, record, outcomeOf(connection, error));
  } finally {
    socket.off('close', onGone);
  }
  record.opened(originated.destination);
  captured.accept();
  const server = originated.channel.kind === 'tcp' ? originated.channel.socket : originated.channel.tunnel.stream;
  record.close(await join({ client: socket, server, record, cut: connection.cut }));
}

function fail(captured: Captured, record: ConnectionRecord, outcome: ReturnType<typeof outcomeOf>): void {
  captured.refuse(faultOf(outcome));
  record.close(outcome);
}

function refuse(captured: Captured, { telemetry }: RoleContext, code: FaultCode, message: string): void {
  const { clientAddress: sourceAddress, target } = captured;
  const destinationAddress = formatSocketAddress(target.kind === 'address' ? target.ip : target.hostname, target.port);
  telemetry.earlyDeny({ reporter: 'source', sourceAddress, destinationAddress, code, message });
  captured.refuse(code);
}

function factsOf(captured: Captured, source: Workload, plan: Plan): ConnectionFacts {
  const { target } = captured;
  const asked = formatSocketAddress(target.kind === 'address' ? target.ip : target.hostname, target.port);
  const mutualTls = plan.kind === 'tunnel' || plan.kind === 'nested';
  return {
    reporter: 'source',
    source: sourcePeer(source, mutualTls),
    destination: plannedDestination(plan),
    ...(plan.service && { service: plan.service }),
    sourceAddress: captured.clientAddress,
    destinationAddress: dialled(plan) ?? asked,
    askedAddress: asked,
    nested: plan.kind === 'nested',
    ...(mutualTls && { hboneAddress: plan.authority }),
    mutualTls,
  };
}

/** Without mTLS nobody has seen our certificate, so there is no principal to speak of (ztunnel's rule). */
function sourcePeer(source: Workload, mutualTls: boolean): Peer {
  return mergePeer({ registry: source, ...(mutualTls && { certificate: identityOf(source) }) });
}

function dialled(plan: Plan): string | undefined {
  switch (plan.kind) {
    case 'refuse':
      return undefined;
    case 'direct':
      return formatSocketAddress(plan.address.host, plan.address.port);
    case 'tunnel':
      return formatSocketAddress(plan.hop.address.host, plan.hop.address.port);
    case 'nested':
      return formatSocketAddress(plan.outer.address.host, plan.outer.address.port);
  }
}
