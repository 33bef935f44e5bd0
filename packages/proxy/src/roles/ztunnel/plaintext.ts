/**
 * Plaintext that reaches a local workload on 15006, from clients outside the mesh. Nobody proves anything here, so
 * policies see no identity, and STRICT mTLS (a DENY on its absence) refuses the connection. Without a redirect by the
 * kernel the original port is not known: it is the configured one, or the only target port the workload has.
 */
import type { Socket } from 'node:net';
import type { Workload } from '@isthmus/sdk/discovery';
import { dialTcp } from '@isthmus/sdk/originate';
import { mergePeer } from '@isthmus/sdk/peer';
import { formatSocketAddress } from '@isthmus/sdk/routing';
import { ILLEGAL_PORTS, PORT } from '@isthmus/sdk/wire';
import { clientOf } from '../../capture/client.js';
import type { PlaintextTarget } from '../../config.js';
import type { ConnectionFacts } from '../../telemetry/types.js';
import { outcomeOf } from '../connections.js';
import { join } from '../join.js';
import { denied, type InboundInit } from './inbound.js';

export type Plaintext = (socket: Socket, local: Workload, localAddress: string) => Promise<void>;

/** `socket` arrives paused. */
export function createPlaintext({ context, connections, guard }: InboundInit): Plaintext {
  const { telemetry, settings, clock } = context;
  return async (socket, local, localAddress) => {
    socket.on('error', () => {});
    const client = clientOf(socket);
    const target = plaintextPort(local, settings.inboundPlaintextTargets);
    const facts = factsOf(local, localAddress, client, context);
    if (target.kind === 'none') {
      telemetry.earlyDeny({ ...facts, code: 'UNKNOWN_PORT', message: target.reason });
      return void socket.resetAndDestroy();
    }
    const record = telemetry.connection(facts);
    const connection = connections.open();
    const admission = guard.admit(context.snapshot(), {
      destination: local,
      facts: { sourceIp: client.clientIp, destinationIp: localAddress, destinationPort: target.port },
      revoke: (reason) => connection.end(denied(`connection closed due to policy change: ${reason}`)),
    });
    try {
      if (admission.verdict === 'deny') {
        socket.resetAndDestroy();
        return record.close(denied(`connection closed due to policy rejection: ${admission.reason}`));
      }
      const server = await dialTcp({
        address: { host: localAddress, port: target.port },
        clock,
        signal: connection.cut,
      });
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

/** Where plaintext for that workload goes; pure. */
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
  localAddress: string,
  { clientAddress, clientIp }: ReturnType<typeof clientOf>,
  { snapshot, settings }: InboundInit['context'],
): ConnectionFacts {
  const [known] = snapshot().workloadsByAddress(settings.network, clientIp);
  return {
    reporter: 'destination',
    source: mergePeer({ registry: known }),
    destination: mergePeer({ registry: local }),
    sourceAddress: clientAddress,
    destinationAddress: formatSocketAddress(localAddress, PORT.plaintextInbound),
    mutualTls: false,
  };
}
