/** The way from this process into a network namespace: an address here for each address there. */
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import type { HostPort } from '../socks5.js';

export interface Doors {
  /** An address on this machine's loopback that leads to that address in the namespace. Made once per address. */
  to(host: string, port: number): Promise<HostPort>;
  close(): void;
}

/** @param socketPath the doorkeeper's */
export function createDoors(socketPath: string): Doors {
  const servers = new Map<string, Promise<Server>>();

  async function listen(target: string): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const inside = connect({ path: socketPath, allowHalfOpen: true });
      inside.write(`${target}\n`);
      client.pipe(inside);
      inside.pipe(client);
      for (const [one, other] of [
        [client, inside],
        [inside, client],
      ] as const) {
        one.on('error', () => other.destroy());
        // After an orderly end the pipe has ended the other side, which may still have something to write.
        one.on('close', () => one.readableEnded || other.destroy());
      }
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return server;
  }

  return {
    async to(host, port) {
      const target = `${host} ${port}`;
      const server = servers.get(target) ?? listen(target);
      servers.set(target, server);
      return { host: '127.0.0.1', port: ((await server).address() as AddressInfo).port };
    },
    close() {
      for (const server of servers.values()) void server.then((each) => each.close());
    },
  };
}
