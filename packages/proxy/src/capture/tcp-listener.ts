/**
 * A TCP listener as all of capture uses it: sockets arrive paused and half-open capable, and the listener goes when its
 * scope closes or the process drains, leaving what it accepted alone. Bound: `MAX_CONNECTIONS` open sockets per listener;
 * more are closed at once, with a line in the log.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger, Scope } from '@isthmus/sdk/runtime';
import type { ListenAddress } from '../config.js';

/** Far above what one process can pump, far below what would exhaust its memory with idle sockets. */
const MAX_CONNECTIONS = 10_000;
/** ztunnel's TCP keepalive. */
const KEEPALIVE_MS = 180_000;

export interface TcpListenerInit {
  readonly address: ListenAddress;
  /** Stops accepting when it aborts. */
  readonly drain: AbortSignal;
  readonly log: Logger;
  /** The socket is paused: nothing is read before somebody resumes it. */
  onConnection(socket: Socket): void;
}

/** Resolves with the port that is bound; rejects with the system's error when it cannot be. */
export async function listenTcp(scope: Scope, { address, drain, log, onConnection }: TcpListenerInit): Promise<number> {
  const server = createServer(
    {
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
    },
    onConnection,
  );
  server.maxConnections = MAX_CONNECTIONS;
  const stop = () => {
    server.close();
  };
  scope.own(stop);
  drain.addEventListener('abort', stop, { once: true });
  scope.own(() => drain.removeEventListener('abort', stop));
  await listening(server, address);
  // Accepting can fail later, for want of descriptors; the listener lives on.
  server.on('error', (error) => log.warn({ err: error, ...address }, 'accepting a connection failed'));
  server.on('drop', () => log.warn({ ...address, limit: MAX_CONNECTIONS }, 'connection dropped: too many are open'));
  const bound = server.address();
  return typeof bound === 'object' && bound ? bound.port : address.port;
}

function listening(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
