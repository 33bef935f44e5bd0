import { describe, expect, it } from 'vitest';
import { LocatedFault } from '../../../src/hbone/index.js';
import { createGatewayHealth, type Probe } from '../../../src/originate/gateway-health.js';
import { overGateways } from '../../../src/originate/gateways.js';
import type { Executable, NestedPlan, Plan } from '../../../src/routing/plan.js';
import { createScope } from '../../../src/runtime/scope.js';
import { createVirtualClock } from '../../../src/testing.js';
import { Fault, type FaultCode } from '../../../src/wire/faults.js';
import { deferred } from '../../support/deferred.js';
import { memberOf, pod, port, service } from '../../support/routing-world.js';

const reviews = service('reviews', '10.96.0.10');
const [A, B, C] = ['10.9.0.1', '10.9.0.2', '10.9.0.3'] as const;

function through(host: string, ...alternatives: readonly Executable[]): NestedPlan {
  return {
    kind: 'nested',
    outer: { address: { host, port: 15008 }, expected: ['spiffe://cluster.local/ns/istio-system/sa/eastwest'] },
    innerExpected: ['spiffe://cluster.local/ns/shop/sa/reviews'],
    authority: 'reviews.shop.svc.cluster.local:80',
    destination: pod('far', '', memberOf(reviews)),
    service: reviews,
    servicePort: port(80, 8080),
    candidates: [],
    alternatives,
  };
}

const here: Executable = { kind: 'direct', address: { host: '10.1.0.2', port: 8080 }, candidates: [] };
const plan = through(A, through(B), through(C));
const address = (host: string) => ({ host, port: 15008 });
const where = (each: Plan) =>
  each.kind === 'nested' ? each.outer.address.host : each.kind === 'direct' ? each.address.host : each.kind;

function fixture() {
  const clock = createVirtualClock();
  const scope = createScope();
  const health = createGatewayHealth(scope, { clock, random: () => 0.5 });
  const order = (of: Executable = plan) => health.inOrder(of).map(where);
  return { clock, scope, health, order };
}

const fails: Probe = () => Promise.reject(new Error('refused'));
const works: Probe = () => Promise.resolve();
/** Promises that are settled have told whoever waits for them. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the health of gateways', () => {
  it('leaves the order of a plan alone while all are in service', () => {
    expect(fixture().order()).toEqual([A, B, C]);
  });

  it('puts an ejected gateway last, but leaves it in: a wrong judgement must not cut a network off', () => {
    const { health, order } = fixture();

    health.failed(address(A), 'refused', fails);

    expect(order()).toEqual([B, C, A]);
    expect(order(through(A, here))).toEqual(['10.1.0.2', A]);
    expect(health.status()).toMatchObject([{ address: `${A}:15008`, state: 'ejected', reason: 'refused' }]);
  });

  it('takes a gateway back when a probe succeeds, and forgets all about it when a connection does', async () => {
    const { clock, health, order } = fixture();
    health.failed(address(A), 'refused', works);

    clock.advance(1_000);
    await turn();

    expect(order()).toEqual([A, B, C]);
    expect(health.status()).toMatchObject([{ state: 'on-trial' }]);
    health.succeeded(address(A));
    expect(health.status()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('probes again after 1, 2, 4 … 30 s, one probe at a time', async () => {
    const { clock, health } = fixture();
    const at: number[] = [];
    const probe: Probe = () => {
      at.push(clock.monotonic() / 1_000);
      return Promise.reject(new Error('still refused'));
    };
    health.failed(address(A), 'refused', probe);
    health.failed(address(A), 'refused', probe);

    for (let i = 0; i < 7; i++) {
      clock.advanceToNext();
      await turn();
    }

    expect(at).toEqual([1, 3, 7, 15, 31, 61, 91]);
    expect(health.status()).toMatchObject([{ reason: 'still refused' }]);
  });

  it('waits longer when a gateway fails on trial, as one that takes connections and serves none does', async () => {
    const { clock, health, order } = fixture();
    health.failed(address(A), 'refused', works);
    clock.advance(1_000);
    await turn();

    health.failed(address(A), 'GOAWAY', works);
    clock.advance(1_999);
    await turn();
    const before = order();
    clock.advance(1);
    await turn();

    expect(before).toEqual([B, C, A]);
    expect(order()).toEqual([A, B, C]);
  });

  it('forgets a gateway that nothing has led to for ten minutes', async () => {
    const { clock, health } = fixture();
    health.failed(address(A), 'refused', fails);

    for (let i = 0; i < 30 && clock.advanceToNext(); i++) await turn();

    expect(health.status()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('holds 256 gateways, the longest known goes first', () => {
    const { health, clock } = fixture();

    for (let i = 0; i < 300; i++) health.failed({ host: '10.9.1.1', port: 1_000 + i }, 'refused', fails);

    expect(health.status()).toHaveLength(256);
    expect(health.status()[0]).toMatchObject({ address: '10.9.1.1:1044' });
    expect(clock.pending).toBe(256);
  });

  it('ends with its scope, a probe under way included', async () => {
    const { clock, health, scope } = fixture();
    const answer = deferred();
    health.failed(address(A), 'refused', () => answer.promise);
    health.failed(address(B), 'refused', fails);
    clock.advance(1_000);

    await scope.close();
    answer.resolve();
    await turn();

    expect(health.status()).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe('a connection over gateways', () => {
  const outer = (code: FaultCode) => new LocatedFault(new Fault(code, 'no'), 'outer', 'outer hop');
  const inner = (code: FaultCode) => new LocatedFault(new Fault(code, 'no'), 'inner', 'inner hop');

  async function attempt(of: Executable, failures: Record<string, unknown>) {
    const { health, order } = fixture();
    const tried: string[] = [];
    const result = await overGateways(of, health, {
      probeOf: () => fails,
      async execute(way) {
        tried.push(where(way));
        const failure = failures[where(way)];
        if (failure) throw failure;
        return where(way);
      },
    }).catch((error: unknown) => error);
    return { tried, result, ejected: health.status().map((each) => each.address.split(':')[0]), order };
  }

  it('goes to the next gateway when one is gone, and the one after that knows', async () => {
    const { result, ejected, order } = await attempt(plan, { [A]: outer('CONNECT_FAILED') });

    expect(result).toBe(B);
    expect(ejected).toEqual([A]);
    expect(order()).toEqual([B, C, A]);
  });

  it.each<FaultCode>([
    'CONNECT_TIMEOUT',
    'TLS_FAILURE',
    'IDENTITY_MISMATCH',
    'CERT_REVOKED',
    'H2_HANDSHAKE_FAILURE',
    'TUNNEL_LOST',
  ])('takes %s at the outer hop for a gateway that is out of service', async (code) => {
    const { result, ejected } = await attempt(plan, { [A]: outer(code) });

    expect([result, ejected]).toEqual([B, [A]]);
  });

  it('tries another gateway when a bound of our own is reached, and blames none for it', async () => {
    const { result, ejected } = await attempt(plan, { [A]: outer('UPSTREAM_OVERFLOW') });

    expect([result, ejected]).toEqual([B, []]);
  });

  it('asks another gateway when one refuses, which says nothing about its health', async () => {
    const { result, ejected } = await attempt(plan, { [A]: outer('TUNNEL_REFUSED') });

    expect([result, ejected]).toEqual([B, []]);
  });

  it('does not blame the gateway for what is behind it', async () => {
    const { result, ejected } = await attempt(plan, { [A]: inner('TLS_FAILURE') });

    expect([result, ejected]).toEqual([B, []]);
  });

  it.each([
    ['a policy that denies', inner('POLICY_DENY')],
    ['a client that left', outer('CLIENT_GONE')],
    ['a certificate that cannot be had', new Fault('IDENTITY_UNAVAILABLE', 'no')],
    ['what is no fault at all', new Error('the signal')],
  ])('takes %s as final', async (_, failure) => {
    const { tried, result } = await attempt(plan, { [A]: failure });

    expect(tried).toEqual([A]);
    expect(result).toBe(failure);
  });

  it('gives up after three, with the last reason', async () => {
    const lastReason = outer('CONNECT_TIMEOUT');
    const many = through(A, through(B), through(C), through('10.9.0.4'));

    const { tried, result } = await attempt(many, {
      [A]: outer('CONNECT_FAILED'),
      [B]: outer('CONNECT_FAILED'),
      [C]: lastReason,
    });

    expect(tried).toEqual([A, B, C]);
    expect(result).toBe(lastReason);
  });

  it('falls back on what needs no gateway, whose own failure is final', async () => {
    const failure = new Fault('CONNECT_FAILED', 'no');

    const { tried, result } = await attempt(through(A, here), { [A]: outer('CONNECT_FAILED'), '10.1.0.2': failure });

    expect(tried).toEqual([A, '10.1.0.2']);
    expect(result).toBe(failure);
  });
});
