/**
 * A TCP listener as all of capture uses it: sockets arrive paused and half-open capable, and the listener goes when its
 * scope closes or the process drains, leaving what it accepted alone. Bound: `MAX_CONNECTIONS` open sockets per listener;
 * more are closed at once, with a line in the log.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { keepAliveOptions, type Logger, type Scope } from '@isthmus/sdk/runtime';
import type { ListenAddress } from '../config.js';

/** Far above what one process can pump, far below what would exhaust its memory with idle sockets. */
const MAX_CONNECTIONS = 10_000;

/** A listening socket that another process opened, by its descriptor here. */
export interface ListeningSocket {
  readonly fd: number;
}

export interface TcpListenerInit {
  readonly address: ListenAddress | ListeningSocket;
  /** Of accepted connections: silence before the client is probed; 0 never probes. */
  readonly keepAliveMs: number;
  /** Stops accepting when it aborts. */
  readonly drain: AbortSignal;
  readonly log: Logger;
  /** Called when the listener is bound; what it throws fails the start. */
  prepare?(server: Server): void;
  /** The socket is paused: nothing is read before somebody resumes it. */
  onConnection(socket: Socket): void;
}

/** A host that has no IPv6 (or no IPv4) has nothing to listen on there either. */
const NO_SUCH_FAMILY = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** What `open` made of every address that exists here; rejects when there is none, or one cannot be opened otherwise. */
export async function listenable<T>(
  hosts: readonly string[],
  open: (host: string) => Promise<T>,
): Promise<readonly T[]> {
  const opened = await Promise.allSettled(hosts.map(open));
  const failed = opened.flatMap((each) => (each.status === 'rejected' ? [each.reason as NodeJS.ErrnoException] : []));
  const [fatal] = failed.filter(({ code }) => failed.length === hosts.length || !NO_SUCH_FAMILY.has(code ?? ''));
  if (fatal) throw fatal;
  return opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

/** Resolves with the port that is bound; rejects with the system's error when it cannot be. */
export async function listenTcp(scope: Scope, init: TcpListenerInit): Promise<number> {
  const { address, keepAliveMs, drain, log, prepare, onConnection } = init;
  let open = 0;
  const server = createServer(
    {
      pauseOnConnect: true,
      noDelay: true,
      ...keepAliveOptions(keepAliveMs),
    },
    (socket) => {
      // Not by `server.maxConnections`: a worker process that is full would give the connection back to its head, which
      // offers it again at once, for as long as all are full.
      if (open >= MAX_CONNECTIONS) {
        log.warn({ ...address, limit: MAX_CONNECTIONS }, 'connection dropped: too many are open');
        return void socket.destroy();
      }
      // Not by the option of that name: with it Node 20 takes 5 microseconds to make a socket, without it one.
      socket.allowHalfOpen = true;
      open += 1;
      socket.once('close', () => {
        open -= 1;
      });
      return onConnection(socket);
    },
  );
  const stop = () => {
    server.close();
  };
  scope.own(stop);
  drain.addEventListener('abort', stop, { once: true });
  scope.own(() => drain.removeEventListener('abort', stop));
  await listening(server, address);
  prepare?.(server);
  // Accepting can fail later, for want of descriptors; the listener lives on.
  server.on('error', (error) => log.warn({ err: error, ...address }, 'accepting a connection failed'));
  const bound = server.address();
  if (typeof bound === 'object' && bound) return bound.port;
  throw new Error('the listening socket is not one of TCP');
}

function listening(server: Server, address: ListenAddress | ListeningSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Each family has a listener of its own, so that a socket's addresses are those of its packets.
    server.listen({ ...address, ipv6Only: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
