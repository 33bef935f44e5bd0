/** TCP on loopback as all relays and loads of the tunnel benchmark use it: no delay, half-close kept. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expectManySockets } from '@isthmus/sdk/runtime';

export const LOOPBACK = '127.0.0.1';
/** The loads open many connections at a time. */
export const BACKLOG = 1_024;

// Subject, peers and loads alike: it is about node:net, not about what is carried.
expectManySockets();

/** Half-close is kept by hand: with the option for it Node 20 takes 5 microseconds to make a socket, without it one. */
function keepHalfOpen(socket: Socket): Socket {
  socket.allowHalfOpen = true;
  return socket;
}

/** Resolves with the bound port. */
export function listen(
  onConnection: (socket: Socket) => void,
  options: { pauseOnConnect?: boolean } = {},
): Promise<number> {
  return bind(createServer({ noDelay: true, ...options }, (socket) => onConnection(keepHalfOpen(socket))));
}

export function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: LOOPBACK, port: 0, backlog: BACKLOG }, () => resolve((server.address() as AddressInfo).port));
  });
}

export function dial(port: number): Socket {
  return keepHalfOpen(connect({ host: LOOPBACK, port, noDelay: true }));
}

/** Resolves when it is connected. */
export function dialled(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = dial(port);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
