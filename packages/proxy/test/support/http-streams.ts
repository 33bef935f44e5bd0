/** Streams that are not sockets, as tunnels are: an in-memory pair, and a socket seen only as a Duplex. */
import { createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { pump } from '@isthmus/sdk/hbone';
import type { Scope } from '@isthmus/sdk/runtime';
import type { ClosableStream } from '../../src/http/closing.js';

/** Two ends of one connection; back-pressure, half-close and destruction reach the other side. */
export function duplexPair(): readonly [Duplex, Duplex] {
  const left: Duplex = end(() => right);
  const right: Duplex = end(() => left);
  return [left, right];
}

function end(other: () => Duplex & { resumeWriter?: () => void }): Duplex {
  const self: Duplex & { resumeWriter?: () => void } = new Duplex({
    read() {
      const resume = self.resumeWriter;
      delete self.resumeWriter;
      resume?.();
    },
    write(chunk, _encoding, callback) {
      if (other().push(chunk)) callback();
      else {
        // Whoever reads there lets the writer here go on.
        const reader = other() as Duplex & { resumeWriter?: () => void };
        reader.resumeWriter = callback;
      }
    },
    final(callback) {
      other().push(null);
      callback();
    },
    destroy(error, callback) {
      const peer = other();
      if (!peer.destroyed) setImmediate(() => peer.destroy(error ? new Error('reset by the other end') : undefined));
      callback(error);
    },
  });
  self.on('error', () => undefined);
  return self;
}

/** With the closing of sockets: everything delivered, then gone even if the other end stays. */
export function closable(stream: Duplex): ClosableStream {
  const destroySoon = () => void stream.end(() => setImmediate(() => stream.destroy()));
  return Object.assign(stream, { destroySoon });
}

/** The far end of a socket as a plain Duplex. */
export function asDuplex(socket: Socket): Duplex {
  const [near, far] = duplexPair();
  void pump(far, socket);
  return near;
}

/** Listens on a free loopback port; every connection arrives as a Duplex. */
export async function listenForDuplexes(scope: Scope, accept: (stream: ClosableStream) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    accept(closable(asDuplex(socket)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.own(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}
