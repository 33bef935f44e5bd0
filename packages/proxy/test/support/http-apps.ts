/** Real applications on free loopback ports. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Scope } from '@isthmus/sdk/runtime';

export async function startHttp1App(
  scope: Scope,
  listener: RequestListener,
): Promise<{ port: number; server: Server }> {
  const server = createServer(listener);
  return { port: await listen(scope, server), server };
}

export type StreamListener = (
  stream: ServerHttp2Stream,
  headers: Record<string, string | string[] | undefined>,
) => void;

export async function startHttp2App(
  scope: Scope,
  listener: StreamListener,
): Promise<{ port: number; server: Http2Server }> {
  const server = createHttp2Server();
  server.on('connection', (socket: Socket) => socket.setNoDelay());
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    listener(stream, headers);
  });
  return { port: await listen(scope, server), server };
}

async function listen(scope: Scope, server: Server | Http2Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.own(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A loopback port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
