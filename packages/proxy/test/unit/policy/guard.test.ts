import { type Logger, silentLogger } from '@isthmus/sdk/runtime';
import { describe, expect, it } from 'vitest';
import { createPolicyGuard, type GuardedConnection } from '../../../src/policy/guard.js';
import { feed, policy, storeOf, workload } from '../../support/model.js';

const REVIEWS = workload({ name: 'reviews', addresses: ['127.0.1.1'] });
const CALLER = 'cluster.local/ns/shop/sa/storefront';

function connectionFrom(principal: string): GuardedConnection & { readonly revoked: string[] } {
  const revoked: string[] = [];
  return {
    destination: REVIEWS,
    facts: {
      sourceIp: '127.0.0.2',
      destinationIp: '127.0.1.1',
      destinationPort: 8080,
      identity: `spiffe://${principal}`,
    },
    revoke: (reason) => revoked.push(reason),
    revoked,
  };
}

const denying = (principal: string) => policy('deny', 'deny', { principals: [{ kind: 'exact', value: principal }] });

describe('the policy guard', () => {
  it('denies with the name of the policy, and watches nothing', () => {
    const store = storeOf({ workloads: [REVIEWS], policies: [denying(CALLER)] });
    const guard = createPolicyGuard({ log: silentLogger });

    const admission = guard.admit(store.snapshot, connectionFrom(CALLER));

    expect(admission).toEqual({ verdict: 'deny', reason: 'explicitly denied by: shop/deny' });
    expect(guard.size).toBe(0);
  });

  it('revokes what a new policy forbids, once, and leaves the rest alone', () => {
    const store = storeOf({ workloads: [REVIEWS] });
    const guard = createPolicyGuard({ log: silentLogger });
    const forbidden = connectionFrom(CALLER);
    const other = connectionFrom('cluster.local/ns/shop/sa/other');
    for (const connection of [forbidden, other]) guard.admit(store.snapshot, connection);

    feed(store, { policies: [denying(CALLER)] });
    guard.reevaluate(store.snapshot);
    feed(store, { policies: [denying(CALLER)] });
    guard.reevaluate(store.snapshot);

    expect(forbidden.revoked).toEqual(['explicitly denied by: shop/deny']);
    expect(other.revoked).toEqual([]);
    expect(guard.size).toBe(1);
  });

  it('reaches old connections with a selector policy that was attached to their workload later', () => {
    const store = storeOf({ workloads: [REVIEWS] });
    const guard = createPolicyGuard({ log: silentLogger });
    const connection = connectionFrom(CALLER);
    guard.admit(store.snapshot, connection);

    feed(store, {
      workloads: [{ ...REVIEWS, authorizationPolicies: ['shop/deny'] }],
      policies: [{ ...denying(CALLER), scope: 'workload-selector' }],
    });
    guard.reevaluate(store.snapshot);

    expect(connection.revoked).toHaveLength(1);
  });

  it('closes what is bound to a policy that is not there, and does not open what has lost its workload', () => {
    const store = storeOf({
      workloads: [REVIEWS],
      policies: [policy('allow', 'allow', { principals: [{ kind: 'exact', value: CALLER }] })],
    });
    const guard = createPolicyGuard({ log: silentLogger });
    const connection = connectionFrom(CALLER);
    guard.admit(store.snapshot, connection);

    store.apply({ upserts: [], removals: [{ type: 'address', name: REVIEWS.uid }] });
    guard.reevaluate(store.snapshot);
    const afterRemoval = [...connection.revoked];
    feed(store, { workloads: [{ ...REVIEWS, authorizationPolicies: ['shop/late'] }] });
    guard.reevaluate(store.snapshot);

    expect(afterRemoval).toEqual([]);
    expect(connection.revoked).toEqual([expect.stringContaining('shop/late')]);
  });

  it('judges again when the only ALLOW is replaced, and when a dry run becomes serious', () => {
    const allow = (principal: string) =>
      policy('allow', 'allow', { principals: [{ kind: 'exact', value: principal }] });
    const store = storeOf({ workloads: [REVIEWS], policies: [{ ...allow('x/y'), dryRun: true }] });
    const guard = createPolicyGuard({ log: silentLogger });
    const connection = connectionFrom(CALLER);
    guard.admit(store.snapshot, connection);

    feed(store, { policies: [allow(CALLER)] });
    guard.reevaluate(store.snapshot);
    const allowed = [...connection.revoked];
    feed(store, { policies: [allow('x/y')] });
    guard.reevaluate(store.snapshot);

    expect(allowed).toEqual([]);
    expect(connection.revoked).toEqual(['allow policies exist, but none allowed: shop/allow']);
  });

  it('closes when a policy that selects the workload is taken away under it', () => {
    const store = storeOf({
      workloads: [{ ...REVIEWS, authorizationPolicies: ['shop/deny'] }],
      policies: [{ ...denying('x/y'), scope: 'workload-selector' }],
    });
    const guard = createPolicyGuard({ log: silentLogger });
    const connection = connectionFrom(CALLER);
    guard.admit(store.snapshot, connection);

    store.apply({ upserts: [], removals: [{ type: 'authorization', name: 'shop/deny' }] });
    guard.reevaluate(store.snapshot);

    expect(connection.revoked).toEqual([expect.stringContaining('never received: shop/deny')]);
  });

  it('judges a workload by its own policies only, whatever changes for others', () => {
    const other = workload({ name: 'other', addresses: ['127.0.1.2'] });
    const store = storeOf({ workloads: [REVIEWS, other] });
    const guard = createPolicyGuard({ log: silentLogger });
    const connection = connectionFrom(CALLER);
    guard.admit(store.snapshot, connection);

    feed(store, {
      workloads: [{ ...other, authorizationPolicies: ['shop/deny'] }],
      policies: [{ ...denying(CALLER), scope: 'workload-selector' }],
    });
    guard.reevaluate(store.snapshot);

    expect(connection.revoked).toEqual([]);
  });

  it.each(['debug', 'info'] as const)(
    'tells at %s what a dry run would have done, and does not do it',
    (dryRunLevel) => {
      const told: object[] = [];
      const log = { ...silentLogger, [dryRunLevel]: (line: object) => told.push(line) } as unknown as Logger;
      const store = storeOf({ workloads: [REVIEWS], policies: [{ ...denying(CALLER), dryRun: true }] });
      const guard = createPolicyGuard({ log, dryRunLevel });

      const admission = guard.admit(store.snapshot, connectionFrom(CALLER));

      expect(admission.verdict).toBe('allow');
      expect(told).toEqual([
        expect.objectContaining({ policy: 'shop/deny', action: 'deny', matched: true, destination: REVIEWS.uid }),
      ]);
    },
  );

  it('forgets a released connection', () => {
    const store = storeOf({ workloads: [REVIEWS] });
    const guard = createPolicyGuard({ log: silentLogger });
    const connection = connectionFrom(CALLER);
    const admission = guard.admit(store.snapshot, connection);

    if (admission.verdict === 'allow') admission.release();
    feed(store, { policies: [denying(CALLER)] });
    guard.reevaluate(store.snapshot);

    expect(connection.revoked).toEqual([]);
    expect(guard.size).toBe(0);
  });
});
