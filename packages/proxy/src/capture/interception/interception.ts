/**
 * Connections the kernel led here: with REDIRECT their destination was rewritten and the original one has to be asked for,
 * with TPROXY it is the address the socket was accepted on. What the system lacks for the chosen mode is found out at
 * start, with the remedy; nothing is guessed later.
 */
import type { Server, Socket } from 'node:net';
import type { Logger, Scope } from '@isthmus/sdk/runtime';
import { listenable, listenTcp } from '../tcp-listener.js';
import { conntrackMissing, originalByConntrack } from './conntrack.js';
import { type HandedOver, type HandedOverName, handedOver } from './handed-over.js';
import { type Destination, judge } from './judge.js';
import { loadSocketOptions, type SocketOptions, type SocketOptionsResult } from './socket-options.js';
import { acceptedOn, type FindOriginal } from './types.js';

export type InterceptionMode = 'REDIRECT' | 'TPROXY';

export interface Interception {
  /** How original destinations are found out, for the log. */
  readonly by: 'SO_ORIGINAL_DST' | 'conntrack' | 'local address';
  readonly find: FindOriginal;
  /** Listening sockets that were handed over take the place of those opened here. */
  readonly sockets: HandedOver;
  /** What a listener opened here needs first. */
  prepare?(server: Server): void;
  /** With which listeners can be made transparent, where they have to be. */
  readonly options?: SocketOptions;
}

export interface InterceptionSystem {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** What the head of a group opened for its workers. */
  readonly opened?: HandedOver | undefined;
  socketOptions(): Promise<SocketOptionsResult>;
  /** Undefined when the table of connections can be read, else why not. */
  conntrackMissing(): Promise<string | undefined>;
}

export const realSystem: InterceptionSystem = {
  platform: process.platform,
  env: process.env,
  pid: process.pid,
  socketOptions: loadSocketOptions,
  conntrackMissing,
};

/** Rejects with what is missing and what to do about it. */
export async function prepareInterception(
  mode: InterceptionMode,
  system: InterceptionSystem = realSystem,
): Promise<Interception> {
  if (system.platform !== 'linux')
    throw new Error(`connections are intercepted on Linux only, not on ${system.platform}`);
  const sockets = { ...system.opened, ...handedOver(system.env, system.pid) };
  const options = await system.socketOptions();
  if (mode === 'TPROXY') return transparent(sockets, options);
  if (options.ok) return { by: 'SO_ORIGINAL_DST', find: options.options.originalDestination, sockets };
  const missing = await system.conntrackMissing();
  if (missing === undefined) return { by: 'conntrack', find: originalByConntrack(), sockets };
  throw new Error(
    `the original destination of redirected connections cannot be found out: ${options.reason}; without it, ${missing}, which takes root and a kernel with CONFIG_NF_CONNTRACK_PROCFS`,
  );
}

function transparent(sockets: HandedOver, options: SocketOptionsResult): Interception {
  const find: FindOriginal = (socket) => {
    const address = acceptedOn(socket);
    return address ? { kind: 'found', address } : { kind: 'unknown', reason: 'the client has left' };
  };
  const base = { by: 'local address', find, sockets } as const;
  if (options.ok) return { ...base, prepare: options.options.makeTransparent, options: options.options };
  if (sockets.outbound !== undefined && sockets['inbound-plaintext'] !== undefined) return base;
  throw new Error(
    `TPROXY needs transparent listeners: hand over both (systemd: Transparent=yes, LISTEN_FDNAMES=outbound:inbound-plaintext), or let this process make them: ${options.reason}`,
  );
}

export interface InterceptedListenerInit {
  readonly interception: Interception;
  readonly name: HandedOverName;
  readonly hosts: readonly string[];
  readonly port: number;
  readonly keepAliveMs: number;
  readonly drain: AbortSignal;
  readonly log: Logger;
  /** The socket is paused and has a listener for `error`. */
  onConnection(socket: Socket, destination: Destination): void;
}

/** Resolves when every address that exists here is listened on; rejects when none is. */
export async function listenIntercepted(scope: Scope, init: InterceptedListenerInit): Promise<void> {
  const { interception, name, hosts, port, keepAliveMs, drain, log, onConnection } = init;
  const descriptors = interception.sockets[name] ?? [];
  let bound = port;

  async function accept(socket: Socket): Promise<void> {
    socket.on('error', () => {});
    const accepted = acceptedOn(socket);
    const original = await interception.find(socket);
    if (socket.destroyed) return;
    onConnection(socket, judge(original, { accepted, listenerPort: bound }));
  }

  const common = { keepAliveMs, drain, log, onConnection: (socket: Socket) => void accept(socket) };
  for (const fd of descriptors) bound = await listenTcp(scope, { address: { fd }, ...common });
  if (descriptors.length > 0) return;
  const prepare = interception.prepare && { prepare: interception.prepare };
  await listenable(hosts, (host) => listenTcp(scope, { address: { host, port }, ...prepare, ...common }));
}
