/**
 * A network behind a gateway, on loopback: real HBONE servers as backends, and a real HBONE server as the gateway that
 * pipes each outer tunnel to one of them, chosen by the test.
 */
import { connect } from 'node:net';
import {
  createHbonePool,
  type HbonePool,
  type HbonePoolInit,
  type HboneServerInit,
  type IncomingConnect,
  type PooledNestedInit,
  pump,
  type Tunnel,
} from '../../src/hbone/index.js';
import { decodePeerBaggage } from '../../src/peer/index.js';
import { realClock } from '../../src/runtime/clock.js';
import { until } from './deferred.js';
import { collect } from './engine-pair.js';
import { echo, GATEWAY, type HboneFixture, REVIEWS, type RunningServer } from './hbone-fixture.js';

export const AUTHORITY = 'reviews.shop.svc.cluster.local:9080';

export interface Backend extends RunningServer {
  readonly name: string;
  /** CONNECTs it was asked. */
  readonly asked: IncomingConnect[];
}

export interface GatewayWorld {
  readonly backends: Backend[];
  readonly gateway: RunningServer;
  /** Outer tunnels so far: each is one handshake with a backend. */
  readonly outerTunnels: number;
  addBackend(init?: BackendInit): Promise<Backend>;
  pool(init?: Partial<HbonePoolInit>): HbonePool;
  nested(pool: HbonePool, overrides?: Partial<PooledNestedInit>): Promise<Tunnel>;
  /** Opens `count` tunnels one after the other, each ended before the next; resolves with how many each backend got. */
  share(pool: HbonePool, count: number, overrides?: Partial<PooledNestedInit>): Promise<Record<string, number>>;
}

export interface BackendInit extends Partial<HboneServerInit> {
  /** Tells its name in the answer. Default true, as our proxies do and ztunnel does not. */
  readonly named?: boolean;
}

/** `choose` is the gateway's draw: an index below the number of backends. */
export async function createGatewayWorld(
  fixture: HboneFixture,
  choose: (backends: number) => number,
  init: Partial<HboneServerInit> = {},
): Promise<GatewayWorld> {
  const backends: Backend[] = [];
  let outerTunnels = 0;
  const gateway = await fixture.serve(
    (incoming) => {
      outerTunnels += 1;
      const { address } = backends[choose(backends.length)] ?? {};
      if (!address) return incoming.refuse(503);
      const onward = connect({ ...address, allowHalfOpen: true }).on('error', () => incoming.refuse(503));
      onward.once('connect', () => void pump(incoming.accept(), onward));
    },
    { certificate: () => fixture.gateway, ...init },
  );

  const world: GatewayWorld = {
    backends,
    gateway,
    get outerTunnels() {
      return outerTunnels;
    },
    async addBackend({ named = true, ...init } = {}) {
      const name = `reviews-${backends.length + 1}`;
      const asked: IncomingConnect[] = [];
      const running = await fixture.serve((incoming) => {
        asked.push(incoming);
        echo(incoming, named ? [['baggage', `k8s.instance.name=${name}`]] : []);
      }, init);
      const backend = { ...running, name, asked };
      backends.push(backend);
      return backend;
    },
    pool: (init = {}) => createHbonePool(fixture.scope, { clock: realClock, random: () => 0.5, ...init }),
    nested: (pool, overrides = {}) =>
      pool.connectNested({
        outerHop: fixture.hop(gateway.address, { expected: [GATEWAY] }),
        innerExpected: [REVIEWS],
        certificate: fixture.web,
        authority: AUTHORITY,
        backends: backends.length,
        outerHeaders: [],
        innerHeaders: [],
        backendOf: ({ responseHeaders }) => decodePeerBaggage(responseHeaders.baggage())?.instance,
        ...overrides,
      }),
    async share(pool, count, overrides = {}) {
      const before = backends.map(({ asked }) => asked.length);
      for (let opened = 0; opened < count; opened++) await endOf(await world.nested(pool, overrides));
      return Object.fromEntries(backends.map(({ name, asked }, index) => [name, asked.length - (before[index] ?? 0)]));
    },
  };
  return world;
}

/** Ends our direction and waits for the other's end. */
export async function endOf({ stream }: Tunnel): Promise<void> {
  const sink = collect(stream);
  stream.end();
  await until(() => sink.end !== undefined);
}
