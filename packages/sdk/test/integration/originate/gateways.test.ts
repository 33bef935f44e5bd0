/**
 * hbone.md 3.7, multicluster.md 3.9: a network with two gateways, over real sockets. Istio keeps no health of gateways: a
 * dead one fails its share of connections for as long as it is listed.
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHboneServer, type HbonePool, type HopAddress, pump } from '../../../src/hbone/index.js';
import { watchRevocationFile } from '../../../src/identity/index.js';
import {
  createGatewayHealth,
  createOriginate,
  type GatewayHealth,
  type Originate,
} from '../../../src/originate/index.js';
import { type Executable, planOutbound } from '../../../src/routing/index.js';
import { type Clock, createScope, realClock, silentLogger } from '../../../src/runtime/index.js';
import { until } from '../../support/deferred.js';
import { createHboneFixture, echo, GATEWAY, type HboneFixture, REVIEWS } from '../../support/hbone-fixture.js';
import { atAddress, FAR, farGateway, pod, service, snapshotOf, standIn } from '../../support/routing-world.js';

/** Probes come fifty times as soon as they would. */
const hurried: Clock = { ...realClock, schedule: (ms, task) => realClock.schedule(ms / 50, task) };

interface Gateway {
  readonly address: HopAddress;
  /** Tunnels it forwarded. */
  served: number;
  /** Gone as a killed process is gone: its connections and its port. */
  kill(): Promise<void>;
  drain(): Promise<void>;
  start(): Promise<void>;
}

let fixture: HboneFixture;
let east: Gateway;
let west: Gateway;
let health: GatewayHealth;
let originate: Originate;
let plan: () => Executable;

beforeEach(async () => {
  fixture = await createHboneFixture();
  const backend = await fixture.serve(echo);
  [east, west] = await Promise.all([startGateway(backend.address), startGateway(backend.address)]);
  health = createGatewayHealth(fixture.scope, { clock: hurried });
  originate = originateOver(fixture.pool());
  plan = planner([east, west]);
});
afterEach(() => fixture.close());

function originateOver(pool: HbonePool): Originate {
  return createOriginate({
    pool,
    certificates: { certificate: async () => fixture.web, held: () => [] },
    clock: realClock,
    network: 'net-1',
    baggage: false,
    gateways: health,
    sourceAddress: () => undefined,
  });
}

/** Plans as the mesh's own routing makes them, the gateways in turn. */
function planner(gateways: readonly Gateway[]): () => Executable {
  const reviews = service('reviews', '10.96.0.10', { subjectAltNames: [REVIEWS] });
  const records = gateways.map(({ address: { port } }) =>
    standIn(reviews, atAddress('127.0.0.1', FAR, port), { uid: `${FAR}/SplitHorizonWorkload/${port}` }),
  );
  const gateway = farGateway('127.0.0.1', { serviceAccount: 'gateway' });
  const snapshot = snapshotOf({ services: [reviews], workloads: [source, gateway, ...records] });
  let turn = 0;
  return () => {
    turn += 1;
    const first = (turn % gateways.length) / gateways.length;
    const target = { kind: 'address', ip: '10.96.0.10', port: 80 } as const;
    const made = planOutbound(snapshot, { source, network: 'net-1', target, random: () => first });
    if (made.kind === 'refuse') throw new Error(made.reason);
    return made;
  };
}

const source = pod('web', '10.1.0.1');

async function startGateway(backend: HopAddress): Promise<Gateway> {
  let port = 0;
  let scope = createScope();
  const server = async () => {
    scope = createScope();
    const forget = fixture.scope.own(() => scope.close());
    scope.own(() => void forget());
    const listening = createHboneServer(scope, {
      certificate: () => fixture.gateway,
      clock: realClock,
      log: silentLogger,
      onEarlyError: () => {},
      onConnect(incoming) {
        const onward = connect({ ...backend, allowHalfOpen: true }).on('error', () => incoming.refuse(503));
        onward.once('connect', () => {
          gateway.served += 1;
          void pump(incoming.accept(), onward);
        });
      },
    });
    ({ port } = await listening.listen({ host: '127.0.0.1', port }));
    return listening;
  };
  let running = await server();
  const gateway: Gateway = {
    address: { host: '127.0.0.1', port },
    served: 0,
    kill: () => running.close(),
    drain: () => running.drain(),
    async start() {
      running = await server();
    },
  };
  return gateway;
}

const request = { source, clientAddress: '10.1.0.1:0', clientIp: '10.1.0.1' };

/** One connection from end to end: rejects when it cannot be had or its bytes do not come back. */
async function exchange(): Promise<string> {
  const { address, duplex } = await originate(plan(), request);
  const stream = duplex();
  stream.end('hello');
  const [answer] = await once(stream, 'data');
  stream.destroy();
  expect(String(answer)).toBe('hello');
  return address;
}

const at = ({ address: { host, port } }: Gateway) => `${host}:${port}`;

describe('two gateways of one network', () => {
  it('share the connections', async () => {
    const addresses = await Promise.all(Array.from({ length: 8 }, exchange));

    expect(new Set(addresses)).toEqual(new Set([at(east), at(west)]));
    expect(health.status()).toEqual([]);
  });

  it('one killed: no connection fails, and after the first that met it none does any more', async () => {
    for (let i = 0; i < 4; i++) await exchange();

    await east.kill();
    const first = await Promise.all(Array.from({ length: 10 }, exchange));
    const after = await Promise.all(Array.from({ length: 20 }, exchange));

    expect(new Set([...first, ...after])).toEqual(new Set([at(west)]));
    expect(health.status()).toMatchObject([{ address: at(east), state: 'ejected' }]);
  });

  it('the killed one is used again once it is back, and no connection was spent on finding out', async () => {
    await east.kill();
    await Promise.all([exchange(), exchange()]);
    await east.start();

    const meanwhile = await exchange();
    await until(() => health.status().every(({ state }) => state === 'on-trial'));
    const spent = east.served;
    const addresses = await Promise.all(Array.from({ length: 4 }, exchange));

    expect([meanwhile, spent]).toEqual([at(west), 0]);
    expect(new Set(addresses)).toEqual(new Set([at(east), at(west)]));
    expect(health.status()).toEqual([]);
  });

  it('one draining and then gone: no connection fails', async () => {
    await Promise.all(Array.from({ length: 4 }, exchange));

    const drained = east.drain();
    const draining = await Promise.all(Array.from({ length: 10 }, exchange));
    await Promise.all([east.kill(), drained]);
    const after = await Promise.all(Array.from({ length: 10 }, exchange));

    expect(draining).toHaveLength(10);
    expect(new Set(after)).toEqual(new Set([at(west)]));
  });

  it('both killed: the fault is that of a gateway, and the first that is back serves at once', async () => {
    await Promise.all([east.kill(), west.kill()]);

    const failed = await exchange().catch((error: unknown) => error);
    await west.start();
    const served = await exchange();

    expect(failed).toMatchObject({ code: 'CONNECT_FAILED', message: expect.stringContaining('outer hop to gateway') });
    expect(served).toBe(at(west));
  });

  it('a pool that is full is no fault of theirs: the one that has a connection serves, none is ejected', async () => {
    originate = originateOver(fixture.pool({ poolMaxConnections: 1 }));
    const held = await originate(plan(), request);

    const addresses = [await exchange(), await exchange()];

    expect(addresses).toEqual([held.address, held.address]);
    expect(health.status()).toEqual([]);
  });

  it('a revoked certificate ejects as a dead port does, and a probe does not take it for healthy', async () => {
    const revoked = await fixture.authority.issue(GATEWAY);
    const folder = await mkdtemp(join(tmpdir(), 'isthmus-crl-'));
    fixture.scope.own(() => rm(folder, { recursive: true }));
    const path = join(folder, 'ca-crl.pem');
    await writeFile(path, await fixture.authority.revoke([revoked.serialNumber]));
    const revocations = watchRevocationFile(fixture.scope, { path });
    const stale = await fixture.serve(echo, { certificate: () => revoked });
    originate = originateOver(fixture.pool({}, { revocations }));
    plan = planner([{ ...east, address: stale.address }, west]);

    const addresses = await Promise.all(Array.from({ length: 6 }, exchange));
    const met = stale.earlyErrors.length;
    await until(() => stale.earlyErrors.length >= met + 2);

    expect(new Set(addresses)).toEqual(new Set([at(west)]));
    expect(health.status()).toMatchObject([{ state: 'ejected', reason: expect.stringContaining('revo') }]);
  });

  it('a certificate of the wrong identity ejects as a dead port does', async () => {
    const impostor = await fixture.serve(echo);
    plan = planner([{ ...east, address: impostor.address }, west]);

    const addresses = await Promise.all(Array.from({ length: 6 }, exchange));

    expect(new Set(addresses)).toEqual(new Set([at(west)]));
    expect(health.status()[0]?.reason).toContain(GATEWAY);
  });
});
