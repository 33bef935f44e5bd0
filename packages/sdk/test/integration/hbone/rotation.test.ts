/** Certificates and roots renewed on every side, again and again under load: no request fails, nothing is left behind. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { HbonePool, PoolHop, Tunnel } from '../../../src/hbone/index.js';
import type { WorkloadCertificate } from '../../../src/identity/index.js';
import { createTestAuthority } from '../../../src/testing.js';
import { until } from '../../support/deferred.js';
import { collect } from '../../support/engine-pair.js';
import { createGatewayWorld, type GatewayWorld } from '../../support/gateway-world.js';
import { createHboneFixture, GATEWAY, type HboneFixture, REVIEWS, WEB } from '../../support/hbone-fixture.js';

const REQUESTS = 160;
/** Requests begun between two rotations, whatever the machine takes for them. */
const ROTATION_AFTER = 40;
const AT_ONCE = 8;

interface Certificates {
  web: WorkloadCertificate;
  reviews: WorkloadCertificate;
  gateway: WorkloadCertificate;
}

let fixture: HboneFixture;
let world: GatewayWorld;
let now: Certificates;
let rotations: number;
/** Resolves when everybody has the new certificates; those of before are in use meanwhile. */
let rotate: () => Promise<void>;
beforeEach(async () => {
  fixture = await createHboneFixture();
  rotations = 0;
  now = { web: fixture.web, reviews: fixture.reviews, gateway: fixture.gateway };
  let turn = 0;
  world = await createGatewayWorld(fixture, (backends) => turn++ % backends, { certificate: () => now.gateway });
  for (let backend = 0; backend < 2; backend++) await world.addBackend({ certificate: () => now.reviews });
  rotate = await rotating();
});
afterEach(() => fixture.close());

/** Two authorities whose turn comes alternately; everybody trusts both, as while a mesh changes its root. */
async function rotating(): Promise<typeof rotate> {
  const other = await createTestAuthority();
  const authorities = [other, fixture.authority] as const;
  const next = async () => {
    const issuer = authorities[rotations % 2] ?? other;
    const extraRoots = authorities.filter((each) => each !== issuer).map(({ rootPem }) => rootPem);
    const [web, reviews, gateway] = await Promise.all(
      [WEB, REVIEWS, GATEWAY].map((identity) => issuer.issue(identity, { extraRoots })),
    );
    if (web && reviews && gateway) now = { web, reviews, gateway };
    rotations += 1;
  };
  // Before the first request, so that everybody trusts both from then on.
  await next();
  let pending = Promise.resolve();
  return () => {
    pending = pending.then(next);
    return pending;
  };
}

async function request(tunnel: Tunnel, text: string): Promise<string> {
  const sink = collect(tunnel.stream);
  tunnel.stream.write(Buffer.from(text));
  tunnel.stream.end();
  await until(() => sink.end !== undefined);
  return sink.text();
}

const hop = (to: 'gateway' | 'backend'): Partial<PoolHop> => ({
  source: now.web,
  expected: [to === 'gateway' ? GATEWAY : REVIEWS],
});

const OPEN: Record<string, (pool: HbonePool, backend: number) => Promise<Tunnel>> = {
  'one hop': (pool, backend) => {
    const { address } = world.backends[backend % 2] ?? world.gateway;
    return pool.connect(fixture.hop(address, hop('backend')), { authority: '10.0.0.1:80', headers: [] });
  },
  'a tunnel inside a tunnel': (pool) => {
    const outerHop = fixture.hop(world.gateway.address, hop('gateway'));
    return world.nested(pool, { certificate: now.web, outerHop });
  },
};

it.each(Object.keys(OPEN))('over %s', async (name) => {
  const pool = world.pool();
  const open = OPEN[name] as (typeof OPEN)[string];
  let next = 0;
  const failures: unknown[] = [];
  const client = async () => {
    while (next < REQUESTS) {
      const text = `request ${next++}`;
      if (next % ROTATION_AFTER === 0) void rotate();
      const answer = await open(pool, next).then((tunnel) => request(tunnel, text));
      if (answer !== text) failures.push(answer);
    }
  };

  await Promise.all(Array.from({ length: AT_ONCE }, client));
  await rotate();
  const last = await open(pool, 0);
  await request(last, 'the last');
  await until(() => pool.size <= 2 && pool.innerSize <= 2);

  expect(failures).toEqual([]);
  expect(rotations).toBe(2 + REQUESTS / ROTATION_AFTER);
});
