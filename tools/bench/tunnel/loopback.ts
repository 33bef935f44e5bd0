/** TCP on loopback as all relays and loads of the tunnel benchmark use it: no delay, half-close kept. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export const LOOPBACK = '127.0.0.1';
/** The loads open many connections at a time. */
export const BACKLOG = 1_024;

const SOCKET = { noDelay: true, allowHalfOpen: true } as const;

/** Resolves with the bound port. */
export function listen(
  onConnection: (socket: Socket) => void,
  options: { pauseOnConnect?: boolean } = {},
): Promise<number> {
  return bind(createServer({ ...SOCKET, ...options }, onConnection));
}

export function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: LOOPBACK, port: 0, backlog: BACKLOG }, () => resolve((server.address() as AddressInfo).port));
  });
}

export function dial(port: number): Socket {
  return connect({ host: LOOPBACK, port, ...SOCKET });
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
