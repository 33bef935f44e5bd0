/**
 * Connections to another network: HBONE inside HBONE through a gateway that forwards the inner bytes unread. `pooled` is
 * what the proxies do, the inner tunnels kept and shared; with `fresh` each connection shakes hands with the far end.
 */
import { connectNested, createHbonePool, type NestedInit } from '@isthmus/sdk/hbone';
import { createScope, realClock } from '@isthmus/sdk/runtime';
import { LOOPBACK } from '../loopback.js';
import { certificateOf, relay as hbone, listenForEach } from './hbone.js';
import { REQUEST_HEADERS, type Relay } from './relay.js';

export function createRelay(inner: 'pooled' | 'fresh'): Relay {
  const scope = createScope();
  return {
    client({ identity, peers, routes }) {
      const pool = createHbonePool(scope, { clock: realClock });
      const certificate = certificateOf(identity);
      return listenForEach(routes, async ({ target, via }) => {
        const address = { host: LOOPBACK, port: via };
        const nested: NestedInit = {
          outerHop: { source: certificate, expected: peers, address, clientIp: LOOPBACK },
          innerExpected: peers,
          certificate,
          authority: `${LOOPBACK}:${target}`,
          outerHeaders: REQUEST_HEADERS,
          innerHeaders: REQUEST_HEADERS,
        };
        const opened =
          inner === 'pooled' ? pool.connectNested({ ...nested, backends: 1 }) : connectNested(pool, nested);
        return (await opened).stream;
      });
    },
    server: hbone.server,
  };
}
