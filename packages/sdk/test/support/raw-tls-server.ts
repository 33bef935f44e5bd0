/** A server with a real certificate and raw frames, for one client at a time: the counterpart of `raw-tls-client.ts`. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { HopAddress } from '../../src/hbone/index.js';
import type { Scope } from '../../src/runtime/scope.js';
import type { PemIdentity } from '../../src/testing.js';
import { type FrameLog, logFrames } from './frame-log.js';

export interface RawTlsServer {
  readonly address: HopAddress;
  /** The next client, when its TLS handshake is done; nothing was sent to it. */
  accept(): Promise<FrameLog>;
}

export async function serveRaw(scope: Scope, identity: PemIdentity): Promise<RawTlsServer> {
  const waiting: ((log: FrameLog) => void)[] = [];
  const ready: FrameLog[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer({ ...identity, requestCert: true, ALPNProtocols: ['h2'] }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const log = logFrames(socket, CLIENT_PREFACE_BYTES);
    const next = waiting.shift();
    if (next) next(log);
    else ready.push(log);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.own(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return {
    address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    accept: () => {
      const log = ready.shift();
      return log ? Promise.resolve(log) : new Promise((resolve) => waiting.push(resolve));
    },
  };
}

/** RFC 9113 section 3.4. */
const CLIENT_PREFACE_BYTES = 24;
