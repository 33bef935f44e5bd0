/** Real applications on free loopback ports. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import * as grpc from '@grpc/grpc-js';
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

const raw = (value: Buffer): Buffer => value;
const UNARY = { path: '/shop.Ratings/Get', requestStream: false, responseStream: false };
const CHAT = { path: '/shop.Ratings/Chat', requestStream: true, responseStream: true };
const CODEC = { requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw };

/** Messages are plain bytes: `missing` is NOT_FOUND, anything else has a rating; Chat echoes. */
export async function startGrpcApp(scope: Scope): Promise<number> {
  const server = new grpc.Server();
  server.addService(
    { unary: { ...UNARY, ...CODEC }, chat: { ...CHAT, ...CODEC } },
    {
      unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
        if (String(call.request) === 'missing') {
          callback({ code: grpc.status.NOT_FOUND, details: 'no such rating' });
          return;
        }
        const trailer = new grpc.Metadata();
        trailer.set('x-served-by', 'ratings-1');
        callback(null, Buffer.from(`rating of ${call.request}`), trailer);
      },
      chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
        call.on('data', (message) => call.write(Buffer.from(`> ${message}`)));
        call.on('end', () => call.end());
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  scope.own(() => server.forceShutdown());
  return port;
}

/** A TCP application; sockets keep their half-close. */
export async function startTcpApp(scope: Scope, listener: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    listener(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.own(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
