/**
 * Transparent listening sockets for a group of worker processes. A worker has no listening socket of its own that it could
 * make transparent (node:cluster gives it connections that its head accepted), so the head opens them, and workers listen
 * on descriptors of the head's.
 *
 * Each set of descriptors is for workers that live at the same time: node:cluster closes them with the last one. The
 * sockets themselves stay until the scope closes or the process drains, so nobody is refused meanwhile.
 */
import { closeSync, fstatSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Scope } from '@isthmus/sdk/runtime';
import { listenable } from '../tcp-listener.js';
import { type DoorPlace, doorsOf } from './doors.js';
import { HANDED_OVER_NAMES, type HandedOver, type HandedOverName } from './handed-over.js';
import { type InterceptionMode, prepareInterception } from './interception.js';
import type { SocketOptions } from './socket-options.js';

export interface SharedListeners {
  /** Descriptors of this process to listen on; those of the call before are not used any more. */
  fresh(): HandedOver;
}

export interface SharedListenersInit {
  /** Those to open. */
  readonly doors: Partial<Readonly<Record<HandedOverName, DoorPlace>>>;
  readonly options: Pick<SocketOptions, 'makeTransparent' | 'duplicate'>;
  readonly drain: AbortSignal;
}

/** Rejects with what is missing or taken. */
export async function openSharedListeners(scope: Scope, init: SharedListenersInit): Promise<SharedListeners> {
  const { doors, options, drain } = init;
  const originals: { readonly name: HandedOverName; readonly fd: number }[] = [];
  let last: number[] = [];
  const close = () => {
    for (const { fd } of originals.splice(0)) closeSync(fd);
  };
  scope.own(close);
  for (const name of HANDED_OVER_NAMES) {
    const door = doors[name];
    for (const fd of door ? await open(door, options) : []) originals.push({ name, fd });
  }
  drain.addEventListener('abort', close, { once: true });
  return {
    fresh() {
      const sockets = new Set(originals.map(({ fd }) => fstatSync(fd).ino));
      // Left over by workers that ended before they listened.
      for (const fd of last) if (isOneOf(fd, sockets)) closeSync(fd);
      const copies = originals.map(({ name, fd }) => ({ name, fd: options.duplicate(fd) }));
      last = copies.map(({ fd }) => fd);
      const fdsOf = (name: HandedOverName) => copies.filter((copy) => copy.name === name).map(({ fd }) => fd);
      return Object.fromEntries(copies.map(({ name }) => [name, fdsOf(name)]));
    },
  };
}

export interface GroupSettings {
  readonly role: string;
  readonly interceptionMode: 'NONE' | InterceptionMode;
  readonly mode: 'shared' | 'dedicated';
}

/**
 * Where the workers of a ztunnel share TPROXY: the listeners that nobody has handed over. Rejects when koffi is missing, or
 * the right to make sockets transparent.
 */
export async function listenersForWorkers(
  scope: Scope,
  { role, interceptionMode, mode }: GroupSettings,
  drain: AbortSignal,
): Promise<SharedListeners | undefined> {
  if (role !== 'ztunnel' || interceptionMode !== 'TPROXY') return undefined;
  const { sockets, options } = await prepareInterception('TPROXY');
  const missing = Object.entries(doorsOf(mode)).filter(([name]) => !(name in sockets));
  // Preparing has thrown where something is missing and cannot be made.
  if (missing.length === 0 || !options) return undefined;
  return openSharedListeners(scope, { doors: Object.fromEntries(missing), options, drain });
}

/** Opened by Node, which knows how, and given up by it at once: only the descriptors stay. */
function open({ hosts, port }: DoorPlace, options: SharedListenersInit['options']): Promise<readonly number[]> {
  return listenable(hosts, async (host) => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host, port, ipv6Only: true }, resolve);
    });
    try {
      options.makeTransparent(server);
      return options.duplicate(server);
    } finally {
      server.close();
    }
  });
}

/** The number may stand for something else by now. */
function isOneOf(fd: number, sockets: ReadonlySet<number>): boolean {
  try {
    return sockets.has(fstatSync(fd).ino);
  } catch {
    return false;
  }
}
