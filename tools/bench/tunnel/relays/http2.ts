/**
 * The peer: the same pair of proxies on node:http2 and `pipe`, written with the care one would give it in production.
 * `tuned` announces the windows and frame size that the subject does; without, node's defaults. Sessions are shared by
 * as many streams as the subject's pool puts on a connection.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createSecureServer,
  type Http2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { DEFAULT_SETTINGS } from '@isthmus/sdk/hbone';
import { WORKLOAD_TLS } from '@isthmus/sdk/identity';
import type { Identity } from '../contract.js';
import { bind, dialled, LOOPBACK, listen } from '../loopback.js';
import { join } from './join.js';
import { REQUEST_HEADERS, RESPONSE_HEADERS, type Relay, routeOf } from './relay.js';

export function createRelay(windows: 'tuned' | 'default'): Relay {
  const tuned = windows === 'tuned';
  const { streamWindowBytes, connectionWindowBytes, maxFrameBytes, maxStreamsPerConnection } = DEFAULT_SETTINGS;
  const settings: Settings = tuned ? { initialWindowSize: streamWindowBytes, maxFrameSize: maxFrameBytes } : {};
  // Node counts windows of data against it, in megabytes; its default of 10 is less than one connection window here.
  const maxSessionMemory = 1_000;
  const prepare = (session: Http2Session) => {
    if (tuned) session.setLocalWindowSize(connectionWindowBytes);
  };

  function sessionsTo(port: number, identity: Identity): () => ClientHttp2Session {
    const streams = new Map<ClientHttp2Session, number>();
    const secureContext = secureContextOf(identity);
    return () => {
      for (const [session, open] of streams) {
        if (open >= maxStreamsPerConnection) continue;
        streams.set(session, open + 1);
        return session;
      }
      const session = connect(`https://${LOOPBACK}:${port}`, {
        secureContext,
        checkServerIdentity: () => undefined,
        settings: { ...settings, enablePush: false },
        maxSessionMemory,
      });
      session.on('connect', () => prepare(session));
      session.on('stream', () => {});
      session.on('close', () => streams.delete(session)).on('error', report);
      streams.set(session, 1);
      session.on('released', () => streams.set(session, (streams.get(session) ?? 1) - 1));
      return session;
    };
  }

  return {
    client({ identity, routes }) {
      return Promise.all(
        routes.map(({ target, via }) => {
          const take = sessionsTo(via, identity);
          const headers = {
            ':method': 'CONNECT',
            ':authority': `${LOOPBACK}:${target}`,
            ...Object.fromEntries(REQUEST_HEADERS),
          };
          return listen(
            (socket) => {
              socket.on('error', () => {});
              const session = take();
              const stream = session.request(headers);
              stream.on('close', () => session.emit('released'));
              openTunnel(stream, socket);
            },
            { pauseOnConnect: true },
          );
        }),
      );
    },

    async server({ identity: { key, cert, ca }, routes }) {
      const server = createSecureServer({
        ...WORKLOAD_TLS,
        key,
        cert,
        ca,
        requestCert: true,
        rejectUnauthorized: true,
        settings,
        maxSessionMemory,
      });
      server.on('session', prepare).on('sessionError', report);
      server.on('stream', async (stream, headers) => {
        stream.on('error', () => {});
        const via = routeOf(routes, headers[':authority']);
        if (via === undefined || headers.baggage === undefined)
          return stream.respond({ ':status': 404 }, { endStream: true });
        accept(stream, await dialled(via));
      });
      const port = await bind(server);
      return routes.map(() => port);
    },
  };
}

function openTunnel(stream: ClientHttp2Stream, socket: Socket): void {
  stream.on('error', () => socket.destroy());
  stream.once('response', (headers) => {
    if (socket.destroyed) stream.destroy();
    else if (headers[':status'] === 200) join(socket, stream);
    else socket.resetAndDestroy();
  });
}

function accept(stream: ServerHttp2Stream, application: Socket): void {
  application.on('error', () => {});
  if (stream.destroyed) {
    application.destroy();
    return;
  }
  stream.respond({ ':status': 200, ...Object.fromEntries(RESPONSE_HEADERS) });
  join(stream, application);
}

function secureContextOf({ key, cert, ca }: Identity) {
  return createSecureContext({ key, cert, ca, ...WORKLOAD_TLS });
}

function report(error: Error): void {
  process.stderr.write(`http2: ${error.message}\n`);
}
