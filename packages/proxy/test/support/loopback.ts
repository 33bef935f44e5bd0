/**
 * Loopback addresses that no other mesh has, in this test run or in one beside it: the mesh's ports are fixed, so addresses have to
 * differ. A block is 127.41.<n>.1 to .249. It belongs to whoever holds its lock, a socket that the system closes with the process,
 * however it ends. At most 256 at once; labs take 127.80.0.0/16 and up.
 */
import { createServer } from 'node:net';
import type { Scope } from '@isthmus/sdk/runtime';

const BLOCKS = 256;
const LOCK = { host: 250, port: 15008 };

/**
 * The first three numbers of a block's addresses, `127.41.7`.
 * @param scope gives the block back once everything that it owns later is closed; without one it is the process's
 */
export async function reserveBlock(scope?: Scope): Promise<string> {
  for (let number = 0; number < BLOCKS; number++) {
    const block = `127.41.${number}`;
    const release = await lock(block);
    if (!release) continue;
    scope?.own(release);
    return block;
  }
  throw new Error(`${BLOCKS} meshes are running, or somebody listens on port ${LOCK.port} of all addresses`);
}

function lock(block: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ host: `${block}.${LOCK.host}`, port: LOCK.port, exclusive: true }, () => {
      server.unref();
      resolve(() => new Promise((released) => server.close(() => released())));
    });
  });
}
