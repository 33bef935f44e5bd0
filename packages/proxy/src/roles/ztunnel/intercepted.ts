/**
 * What the kernel leads to this ztunnel: outbound connections of its workloads, and plaintext that was going to one. In
 * dedicated mode every connection is the one workload's, as in ztunnel; in shared mode it is whose address the client has
 * (outbound) or was called (inbound), and without such a workload it is refused.
 *
 * Bounds: what Node cannot do is to connect from an address of another host, so the application sees this proxy's
 * address where ztunnel would keep the client's.
 */
import type { Socket } from 'node:net';
import type { Workload } from '@isthmus/sdk/discovery';
import { formatSocketAddress, type SocketAddress } from '@isthmus/sdk/routing';
import type { Scope } from '@isthmus/sdk/runtime';
import { type FaultCode, ILLEGAL_PORTS } from '@isthmus/sdk/wire';
import { clientOf } from '../../capture/client.js';
import { type DoorPlace, doorsOf } from '../../capture/interception/doors.js';
import {
  type Interception,
  type InterceptionMode,
  listenIntercepted,
  prepareInterception,
  realSystem,
} from '../../capture/interception/interception.js';
import type { Destination } from '../../capture/interception/judge.js';
import type { Captured } from '../../capture/types.js';
import { keepAliveMs } from '../hbone-settings.js';
import { localAt } from '../local-workloads.js';
import type { RoleContext } from '../role.js';
import type { Plaintext } from './plaintext.js';

export interface InterceptInit {
  readonly mode: InterceptionMode;
  readonly context: RoleContext;
  readonly plaintext: Plaintext;
  onCaptured(captured: Captured): void;
  /** Workloads this process stands for now. */
  locals(): readonly Workload[];
}

/** Resolves when both listeners are open. */
export async function intercept(scope: Scope, init: InterceptInit): Promise<void> {
  const { mode, context, plaintext, onCaptured, locals } = init;
  const { settings, log } = context;
  const interception = await prepareInterception(mode, { ...realSystem, opened: context.listeners });
  // The rules must leave this user or group alone, or the proxy captures itself: nothing here could tell.
  const whoami = { uid: process.getuid?.(), gid: process.getgid?.() };
  log.info({ mode, by: interception.by, ...whoami }, 'intercepting connections');
  const doors = doorsOf(settings.mode);
  const whose = (ip: string) => localAt(locals(), ip, settings);

  await listen(scope, init, interception, {
    name: 'outbound',
    ...doors.outbound,
    onConnection(socket, { host: ip, port }) {
      const client = clientOf(socket);
      const workload = whose(client.clientIp);
      if (!workload) return unknownWorkload(client.clientIp);
      const target = { kind: 'address', ip, port } as const;
      onCaptured({ workload, target, socket, ...client, accept() {}, refuse: () => void socket.resetAndDestroy() });
      return undefined;
    },
  });
  await listen(scope, init, interception, {
    name: 'inbound-plaintext',
    ...doors['inbound-plaintext'],
    onConnection(socket, asked) {
      if (ILLEGAL_PORTS.has(asked.port)) {
        return { fault: 'RECURSIVE_CALL', reason: `port ${asked.port} belongs to the proxy itself` };
      }
      const workload = whose(asked.host);
      if (!workload) return unknownWorkload(asked.host);
      void plaintext(socket, workload, { asked, port: { kind: 'port', port: asked.port } });
      return undefined;
    },
  });
}

interface Refusal {
  readonly fault: FaultCode;
  readonly reason: string;
}

function unknownWorkload(ip: string): Refusal {
  return { fault: 'LOCAL_WORKLOAD_UNKNOWN', reason: `${ip} is not the address of a workload of this proxy` };
}

interface Door extends DoorPlace {
  readonly name: 'outbound' | 'inbound-plaintext';
  /** Takes the socket over, or says why not. */
  onConnection(socket: Socket, original: SocketAddress): Refusal | undefined;
}

function listen(scope: Scope, { context }: InterceptInit, interception: Interception, door: Door): Promise<void> {
  const { telemetry, settings, drain, log } = context;
  const { name, hosts, port } = door;

  function refuse(socket: Socket, { fault: code, reason: message }: Refusal): void {
    telemetry.earlyDeny({
      reporter: name === 'outbound' ? 'source' : 'destination',
      sourceAddress: clientOf(socket).clientAddress,
      destinationAddress: formatSocketAddress(socket.localAddress ?? '0.0.0.0', socket.localPort ?? port),
      code,
      message,
    });
    socket.resetAndDestroy();
  }

  return listenIntercepted(scope, {
    interception,
    name,
    hosts,
    port,
    keepAliveMs: keepAliveMs(settings),
    drain,
    log,
    onConnection(socket, destination: Destination) {
      const refusal = destination.kind === 'refuse' ? destination : door.onConnection(socket, destination.address);
      if (refusal) refuse(socket, refusal);
    },
  });
}
