/** Applications of a test mesh, on real sockets: servers that echo or tell, and SOCKS5 and plain clients. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Scope } from '@isthmus/sdk/runtime';

export interface TestServer {
  readonly port: number;
  /** Sockets accepted so far. */
  readonly accepted: readonly Socket[];
}

/** Answers every byte with itself, and ends when the client does. */
export async function serveEcho(scope: Scope, host: string, port: number): Promise<TestServer> {
  const accepted: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen({ host, port });
  await once(server, 'listening');
  scope.own(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, accepted };
}

export async function connectTo(scope: Scope, host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true });
  socket.on('error', () => {});
  scope.own(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Sends the text, ends, and resolves with everything that came back; rejects when the connection breaks. */
export function exchange(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed without an end')));
    socket.end(text);
  });
}

/** Reads exactly that many bytes. */
export async function read(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk: Buffer | null = socket.read(bytes);
    if (chunk) return chunk;
    if (socket.readableEnded || socket.destroyed) throw new Error('closed before everything was there');
    await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]);
  }
}

/** Opens a connection through a SOCKS5 server; resolves with the reply code, and the socket to use when it is 0. */
export async function socks5(
  scope: Scope,
  at: { host: string; port: number },
  host: string,
  port: number,
): Promise<{ reply: number; socket: Socket }> {
  const socket = await connectTo(scope, at.host, at.port);
  socket.write(Uint8Array.of(5, 1, 0));
  await read(socket, 2);
  const name = Buffer.from(host, 'latin1');
  socket.write(Buffer.concat([Uint8Array.of(5, 1, 0, 3, name.length), name, Uint8Array.of(port >> 8, port & 0xff)]));
  const reply = await read(socket, 10);
  return { reply: reply[1] ?? 255, socket };
}
