/**
 * Which loopback address everything in a lab has: a /16 slice of 127.0.0.0/8, so that each pod has an address of its own
 * and the mesh's real ports can be used. A slice belongs to the lab that holds its lock socket; the system releases the
 * lock when the lab ends, however it ends. At most 40 labs at once.
 */
import { createServer, type Server } from 'node:net';

export interface Slice {
  readonly number: number;
  /** Address of the `host`-th thing (0 to 255) in a cluster (1 or 2). */
  pod(cluster: number, host: number): string;
  /** Address of a service. Never bound: only the mesh knows what it means. */
  vip(cluster: number, host: number): string;
}

const FIRST_SLICE = 80;
const SLICES = 40;

/** The HBONE port: who holds it on all addresses would be in the way of every lab, and is found out here. */
const LOCK_PORT = 15008;

export function slice(number: number): Slice {
  return {
    number,
    pod: (cluster, host) => `127.${number}.${cluster}.${host}`,
    vip: (cluster, host) => `127.${number}.${100 + cluster}.${host}`,
  };
}

export interface ReservedSlice extends Slice {
  release(): Promise<void>;
}

/** Takes the first free slice of so many from `first` on. Rejects with what to do when there is none. */
export async function reserveSlice(tries = SLICES, first = FIRST_SLICE): Promise<ReservedSlice> {
  for (let number = first; number < first + tries; number++) {
    const lock = await bind(`127.${number}.0.1`);
    if (lock instanceof Error) {
      if (lock.code === 'EADDRINUSE') continue;
      throw new Error(explain(lock));
    }
    lock.unref();
    return { ...slice(number), release: () => new Promise((resolve) => lock.close(() => resolve())) };
  }
  throw new Error(
    `port ${LOCK_PORT} is taken on all of 127.${first}.0.1 to 127.${first + tries - 1}.0.1: ` +
      'either that many labs are running, or a program listens on that port on all addresses (a ztunnel?); stop it',
  );
}

function bind(host: string): Promise<Server | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', resolve);
    server.listen({ host, port: LOCK_PORT, exclusive: true }, () => {
      server.off('error', resolve);
      resolve(server);
    });
  });
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code !== 'EADDRNOTAVAIL') return `cannot bind a loopback address: ${error.message}`;
  return (
    `this system has no loopback address but 127.0.0.1 (${error.message}). The lab gives each pod an address of ` +
    '127.0.0.0/8. Linux has them all; on macOS run the lab in a Linux container or virtual machine, or add each address ' +
    'with "ifconfig lo0 alias"'
  );
}
