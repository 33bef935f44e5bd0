/** A TCP relay that a test can cut, as a failing network would. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { HopAddress } from '../../src/hbone/index.js';
import type { Scope } from '../../src/runtime/scope.js';

export interface Relay {
  readonly address: HopAddress;
  /** Resets every connection that runs through it, on both sides. */
  cut(): void;
}

export async function createRelay(scope: Scope, { host, port }: HopAddress): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ host, port });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  scope.own(() => {
    cut();
    server.close();
  });
  return { address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, cut };
}
