/**
 * The subject: the SDK's HBONE client with its pool, its server and its pump, which is what the proxy's roles are made of.
 * No policy, telemetry or discovery: the peers have none either.
 */
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { createHbonePool, createHboneServer, type PoolHop, pump, type TunnelStream } from '@isthmus/sdk/hbone';
import { WORKLOAD_TLS, type WorkloadCertificate } from '@isthmus/sdk/identity';
import { createScope, expectShortLives, realClock, silentLogger } from '@isthmus/sdk/runtime';
import type { Identity, RelayInit, Route } from '../contract.js';
import { dialled, LOOPBACK, listen } from '../loopback.js';
import { REQUEST_HEADERS, RESPONSE_HEADERS, type Relay, routeOf, withKeptBaggage } from './relay.js';

// As the proxy's program does. The peers were tried with it too: it makes no difference to them.
expectShortLives();

const scope = createScope();
const requestHeaders = withKeptBaggage(REQUEST_HEADERS);
const responseHeaders = withKeptBaggage(RESPONSE_HEADERS);

export const relay: Relay = {
  client({ identity, peers, routes }) {
    const pool = createHbonePool(scope, { clock: realClock });
    const source = certificateOf(identity);
    return listenForEach(routes, async ({ target, via }) => {
      const hop: PoolHop = { source, expected: peers, address: { host: LOOPBACK, port: via }, clientIp: LOOPBACK };
      return (await pool.connect(hop, { authority: `${LOOPBACK}:${target}`, headers: requestHeaders })).stream;
    });
  },

  async server({ identity, routes }) {
    const certificate = certificateOf(identity);
    const server = createHboneServer(scope, {
      certificate: () => certificate,
      async onConnect(incoming) {
        const via = routeOf(routes, incoming.authority);
        if (via === undefined || incoming.headers.get('baggage') === undefined) return incoming.refuse(404);
        const application = await dialled(via);
        void pump(incoming.accept(responseHeaders), application);
      },
      clock: realClock,
      log: silentLogger,
    });
    const { port } = await server.listen({ host: LOOPBACK, port: 0 });
    return routes.map(() => port);
  },
};

export function certificateOf({ spiffeId, key, cert, ca }: Identity): WorkloadCertificate {
  return {
    identity: spiffeId,
    trustDomain: 'cluster.local',
    chain: [cert],
    roots: [ca],
    serialNumber: '1',
    notBefore: 0,
    notAfter: Number.MAX_SAFE_INTEGER,
    secureContext: createSecureContext({ key, cert, ca, ...WORKLOAD_TLS }),
  };
}

/** A port for each route, whose connections are joined to what `open` answers. */
export function listenForEach(
  routes: RelayInit['routes'],
  open: (route: Route) => Promise<TunnelStream>,
): Promise<readonly number[]> {
  const onConnection = async (socket: Socket, route: Route) => {
    socket.on('error', () => {});
    try {
      void pump(socket, await open(route));
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
      socket.resetAndDestroy();
    }
  };
  return Promise.all(
    routes.map((route) => listen((socket) => void onConnection(socket, route), { pauseOnConnect: true })),
  );
}
