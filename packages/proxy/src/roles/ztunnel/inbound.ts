/**
 * A CONNECT that reached a local workload: plan, policy, the application, and only then 200 with who serves. Order as
 * ztunnel's: what is refused before both ends are known is one warning line; policy and connect failures are counted. An
 * application that asks for the PROXY protocol gets its header before anything else.
 */
import { isIPv6 } from 'node:net';
import type { Workload } from '@isthmus/sdk/discovery';
import type { HeaderField, IncomingConnect } from '@isthmus/sdk/hbone';
import { dialTcp } from '@isthmus/sdk/originate';
import { baggageOf, mergePeer } from '@isthmus/sdk/peer';
import {
  type DirectPlan,
  formatSocketAddress,
  identityOf,
  missingInbound,
  planInbound,
  type SocketAddress,
  sourcePeerOf,
} from '@isthmus/sdk/routing';
import { FAULTS, HEADER } from '@isthmus/sdk/wire';
import type { PolicyGuard } from '../../policy/guard.js';
import type { ConnectionFacts, Outcome } from '../../telemetry/types.js';
import { type Connections, faultOf, type OpenConnection, outcomeOf } from '../connections.js';
import { keepAliveMs } from '../hbone-settings.js';
import { join } from '../join.js';
import { learn } from '../learn.js';
import type { RoleContext } from '../role.js';
import { proxyProtocolHeader } from './proxy-protocol.js';

export interface InboundInit {
  readonly context: RoleContext;
  readonly connections: Connections;
  readonly guard: PolicyGuard;
}

/** `local` is the newest record of the workload whose address was dialled. */
export type Inbound = (incoming: IncomingConnect, local: Workload) => Promise<void>;

export function createInbound({ context, connections, guard }: InboundInit): Inbound {
  return async (incoming, local) => {
    // What stays unknown is refused by the plan.
    if (context.demand) await learn(context, (snapshot) => missingInbound(snapshot, local, incoming.authority));
    const plan = planInbound(context.snapshot(), {
      local,
      localAddress: incoming.connection.localAddress,
      network: context.settings.network,
      authority: incoming.authority,
      peerIdentity: incoming.connection.peerIdentity,
      forwardedNetwork: incoming.headers.get(HEADER.forwardedNetwork),
      forwarded: incoming.headers.get(HEADER.forwarded),
    });
    const facts = factsOf(incoming, local, plan, context);
    if (plan.kind === 'refuse') {
      context.telemetry.earlyDeny({
        ...facts,
        sourceIdentity: incoming.connection.peerIdentity,
        code: plan.fault,
        message: plan.reason,
      });
      return incoming.refuse(FAULTS[plan.fault].status);
    }
    const record = context.telemetry.connection(facts);
    const connection = connections.open();
    const admission = guard.admit(context.snapshot(), guarded(incoming, local, plan, connection));
    if (admission.verdict === 'deny') {
      connection.done();
      incoming.refuse(FAULTS.POLICY_DENY.status);
      return record.close(denied(`connection closed due to policy rejection: ${admission.reason}`));
    }
    try {
      const outcome = await serve(incoming, { local, plan, connection, context, record });
      record.close(outcome);
    } finally {
      admission.release();
      connection.done();
    }
  };
}

interface Served {
  readonly local: Workload;
  readonly plan: DirectPlan;
  readonly connection: OpenConnection;
  readonly context: RoleContext;
  readonly record: ReturnType<RoleContext['telemetry']['connection']>;
}

/** Never rejects. */
async function serve(incoming: IncomingConnect, served: Served): Promise<Outcome> {
  const { local, plan, connection, context, record } = served;
  const onGone = () =>
    connection.end({ kind: 'fault', code: 'CLIENT_GONE', message: 'the peer gave up before an answer' });
  incoming.signal.addEventListener('abort', onGone, { once: true });
  try {
    const { settings, clock } = context;
    const address = applicationAddress(plan, settings);
    const socket = await dialTcp({ address, clock, keepAliveMs: keepAliveMs(settings), signal: connection.cut });
    const stream = incoming.accept(settings.baggage ? answerHeaders(local) : []);
    if (plan.announced) socket.write(announcement(incoming, plan.announced));
    record.opened();
    return await join({ client: stream, server: socket, record, cut: connection.cut });
  } catch (error) {
    const outcome = outcomeOf(connection, error);
    incoming.refuse(FAULTS[faultOf(outcome)].status);
    return outcome;
  } finally {
    incoming.signal.removeEventListener('abort', onGone);
  }
}

/**
 * Who reads the PROXY protocol believes it, so such an application listens where only its own proxy reaches it (ztunnel's
 * LOCALHOST_APP_TUNNEL). A shared proxy has no loopback of its own with each workload.
 */
function applicationAddress(
  { address, announced }: DirectPlan,
  { mode, localhostAppTunnel }: RoleContext['settings'],
): SocketAddress {
  if (!announced || !localhostAppTunnel || mode === 'shared') return address;
  return { host: isIPv6(address.host) ? '::1' : '127.0.0.1', port: address.port };
}

function announcement({ connection }: IncomingConnect, announced: NonNullable<DirectPlan['announced']>): Buffer {
  const { remoteAddress, remotePort, peerIdentity } = connection;
  const source = { host: remoteAddress, port: remotePort };
  return proxyProtocolHeader({ source, destination: announced.address, peerIdentity, hostname: announced.hostname });
}

function answerHeaders(local: Workload): readonly HeaderField[] {
  return [[HEADER.baggage, baggageOf(local)]];
}

function guarded(incoming: IncomingConnect, local: Workload, plan: DirectPlan, connection: OpenConnection) {
  const { remoteAddress, peerIdentity } = incoming.connection;
  return {
    destination: local,
    facts: {
      sourceIp: remoteAddress,
      destinationIp: plan.address.host,
      destinationPort: plan.address.port,
      identity: peerIdentity,
    },
    revoke: (reason: string) => connection.end(denied(`connection closed due to policy change: ${reason}`)),
  };
}

export function denied(message: string): Extract<Outcome, { readonly kind: 'fault' }> {
  return { kind: 'fault', code: 'POLICY_DENY', message };
}

function factsOf(
  { connection, headers, authority }: IncomingConnect,
  local: Workload,
  plan: ReturnType<typeof planInbound>,
  { settings, snapshot }: RoleContext,
): ConnectionFacts {
  const source = sourcePeerOf(snapshot(), {
    network: settings.network,
    forwardedNetwork: headers.get(HEADER.forwardedNetwork),
    remoteIp: connection.remoteAddress,
    certificateIdentity: connection.peerIdentity,
    baggage: settings.baggage ? headers.peer() : undefined,
  });
  return {
    reporter: 'destination',
    source,
    destination: mergePeer({ registry: local, certificate: identityOf(local) }),
    ...(plan.service && { service: plan.service }),
    sourceAddress: formatSocketAddress(connection.remoteAddress, connection.remotePort),
    destinationAddress: formatSocketAddress(connection.localAddress, connection.localPort),
    ...(authority !== undefined && { hboneAddress: authority }),
    mutualTls: true,
  };
}
