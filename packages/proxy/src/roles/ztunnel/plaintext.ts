/**
 * Plaintext that reaches a local workload on 15006, from clients outside the mesh. Nobody proves anything here, so
 * policies see no identity, and STRICT mTLS (a DENY on its absence) refuses the connection. Where the kernel led it here,
 * it goes on to the port it was going to; without that the port is the configured one, or the only target port the
 * workload has.
 */
import type { Socket } from 'node:net';
import type { Workload } from '@isthmus/sdk/discovery';
import { dialTcp } from '@isthmus/sdk/originate';
import { mergePeer } from '@isthmus/sdk/peer';
import { formatSocketAddress, type SocketAddress } from '@isthmus/sdk/routing';
import { ILLEGAL_PORTS } from '@isthmus/sdk/wire';
import { clientOf } from '../../capture/client.js';
import type { PlaintextTarget } from '../../config.js';
import type { ConnectionFacts } from '../../telemetry/types.js';
import { outcomeOf } from '../connections.js';
import { keepAliveMs } from '../hbone-settings.js';
import { join } from '../join.js';
import { denied, type InboundInit } from './inbound.js';

export interface PlaintextDestination {
  /** The address the client went to. */
  readonly asked: SocketAddress;
  /** The application's port on that address. */
  readonly port: PlaintextPort;
}

export type Plaintext = (socket: Socket, local: Workload, destination: PlaintextDestination) => Promise<void>;

/** `socket` arrives paused. */
export function createPlaintext({ context, connections, guard }: InboundInit): Plaintext {
  const { telemetry, clock } = context;
  return async (socket, local, { asked, port: target }) => {
    socket.on('error', () => {});
    const client = clientOf(socket);
    const facts = factsOf(local, asked, client, context);
    if (target.kind === 'none') {
      telemetry.earlyDeny({ ...facts, code: 'UNKNOWN_PORT', message: target.reason });
      return void socket.resetAndDestroy();
    }
    const record = telemetry.connection(facts);
    const connection = connections.open();
    const admission = guard.admit(context.snapshot(), {
      destination: local,
      facts: { sourceIp: client.clientIp, destinationIp: asked.host, destinationPort: target.port },
      revoke: (reason) => connection.end(denied(`connection closed due to policy change: ${reason}`)),
    });
    try {
      if (admission.verdict === 'deny') {
        socket.resetAndDestroy();
        return record.close(denied(`connection closed due to policy rejection: ${admission.reason}`));
      }
      const address = { host: asked.host, port: target.port };
      const dialling = { address, clock, keepAliveMs: keepAliveMs(context.settings), signal: connection.cut };
      const server = await dialTcp(dialling);
      record.opened();
      record.close(await join({ client: socket, server, record, cut: connection.cut }));
    } catch (error) {
      socket.resetAndDestroy();
      record.close(outcomeOf(connection, error));
    } finally {
      if (admission.verdict === 'allow') admission.release();
      connection.done();
    }
  };
}

export type PlaintextPort =
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'none'; readonly reason: string };

/** Where plaintext for that workload goes when nobody knows where it was going; pure. */
export function plaintextPort(local: Workload, targets: readonly PlaintextTarget[]): PlaintextPort {
  const { namespace, name } = local;
  const configured = targets.find(({ workload }) => workload.namespace === namespace && workload.name === name);
  if (configured) return { kind: 'port', port: configured.port };
  const all = [...local.services.values()].flatMap((ports) => ports.map(({ targetPort }) => targetPort));
  const [port, ...others] = new Set(all.filter((each) => each > 0 && !ILLEGAL_PORTS.has(each)));
  if (port !== undefined && others.length === 0) return { kind: 'port', port };
  const has =
    port === undefined ? 'no service lists a port of it' : `its services list ports ${[port, ...others].join(', ')}`;
  const remedy = `set INBOUND_PLAINTEXT_TARGETS=${namespace}/${name}=<port>`;
  return { kind: 'none', reason: `plaintext for ${local.uid} has no certain port, ${has}; ${remedy}` };
}

function factsOf(
  local: Workload,
  asked: SocketAddress,
  { clientAddress, clientIp }: ReturnType<typeof clientOf>,
  { snapshot, settings }: InboundInit['context'],
): ConnectionFacts {
  const [known] = snapshot().workloadsByAddress(settings.network, clientIp);
  return {
    reporter: 'destination',
    source: mergePeer({ registry: known }),
    destination: mergePeer({ registry: local }),
    sourceAddress: clientAddress,
    destinationAddress: formatSocketAddress(asked.host, asked.port),
    mutualTls: false,
  };
}
