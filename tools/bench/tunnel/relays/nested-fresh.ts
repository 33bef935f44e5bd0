/** A connection to another network as it is without a pool of inner tunnels: a handshake with the far end for each. */
import { connectNested, createHbonePool } from '@isthmus/sdk/hbone';
import { createScope, realClock } from '@isthmus/sdk/runtime';
import { LOOPBACK } from '../loopback.js';
import { certificateOf, relay as hbone, listenForEach } from './hbone.js';
import { REQUEST_HEADERS, type Relay } from './relay.js';

const scope = createScope();

export const relay: Relay = {
  client({ identity, peers, routes }) {
    const pool = createHbonePool(scope, { clock: realClock });
    const certificate = certificateOf(identity);
    return listenForEach(routes, ({ target, via }) => {
      const address = { host: LOOPBACK, port: via };
      return connectNested(pool, {
        outerHop: { source: certificate, expected: peers, address, clientIp: LOOPBACK },
        innerExpected: peers,
        certificate,
        authority: `${LOOPBACK}:${target}`,
        outerHeaders: REQUEST_HEADERS,
        innerHeaders: REQUEST_HEADERS,
      }).then(({ stream }) => stream);
    });
  },
  server: hbone.server,
};
