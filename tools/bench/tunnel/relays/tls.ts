/** The bound: a TLS connection for each TCP connection, joined by `pipe`; no HTTP/2 and nothing shared. */
import { connect, createServer } from 'node:tls';
import { WORKLOAD_TLS } from '@isthmus/sdk/identity';
import { bind, dial, LOOPBACK, listen } from '../loopback.js';
import { join } from './join.js';
import type { Relay } from './relay.js';

export const relay: Relay = {
  client({ identity: { key, cert, ca }, routes }) {
    return Promise.all(
      routes.map(({ via }) =>
        listen((socket) => {
          const options = { ...WORKLOAD_TLS, key, cert, ca, allowHalfOpen: true, checkServerIdentity: () => undefined };
          const tunnel = connect({ host: LOOPBACK, port: via, ...options });
          tunnel.setNoDelay(true);
          join(socket, tunnel);
        }),
      ),
    );
  },

  /** A port for each route: there is no CONNECT to say where to. */
  server({ identity: { key, cert, ca }, routes }) {
    const options = { ...WORKLOAD_TLS, key, cert, ca, requestCert: true, rejectUnauthorized: true };
    return Promise.all(
      routes.map(({ via }) =>
        bind(createServer({ ...options, allowHalfOpen: true, noDelay: true }, (tunnel) => join(tunnel, dial(via)))),
      ),
    );
  },
};
