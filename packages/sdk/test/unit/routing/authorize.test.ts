import { describe, expect, it } from 'vitest';
import type { Authorization, PolicyMatch } from '../../../src/discovery/model.js';
import { NO_MATCH } from '../../../src/discovery/no-match.js';
import { authorize, type ConnectionFacts } from '../../../src/routing/index.js';
import { pod, snapshotOf, spiffe } from '../../support/routing-world.js';

const facts: ConnectionFacts = {
  sourceIp: '10.1.0.1',
  destinationIp: '10.1.0.2',
  destinationPort: 8080,
  identity: spiffe('shop', 'storefront'),
};
const { identity: _, ...plaintext } = facts;

function match(more: Partial<PolicyMatch>): PolicyMatch {
  return { ...NO_MATCH, ...more };
}

function policy(
  name: string,
  action: 'allow' | 'deny',
  rules: Authorization['rules'],
  more: Partial<Authorization> = {},
): Authorization {
  return { key: `shop/${name}`, name, namespace: 'shop', scope: 'namespace', action, rules, dryRun: false, ...more };
}

const HIT = match({ destinationPorts: [8080] });
const MISS = match({ destinationPorts: [1] });

function verdict(
  policies: readonly Authorization[],
  connection: ConnectionFacts = facts,
  missing: readonly string[] = [],
) {
  return authorize({ policies, missing }, connection);
}

/** Whether an ALLOW policy of that one match lets the connection in. */
function admits(one: Partial<PolicyMatch>, connection: ConnectionFacts = facts): boolean {
  return verdict([policy('p', 'allow', [[[match(one)]]])], connection).verdict === 'allow';
}

describe('the order of evaluation', () => {
  it.each([
    ['no policy allows', [], 'allow', 'no allow policy binds here'],
    ['deny that does not match allows', [policy('d', 'deny', [[[MISS]]])], 'allow', 'no allow policy binds here'],
    ['deny that matches denies', [policy('d', 'deny', [[[HIT]]])], 'deny', 'explicitly denied by: shop/d'],
    [
      'deny beats allow',
      [policy('a', 'allow', [[[HIT]]]), policy('d', 'deny', [[[HIT]]])],
      'deny',
      'explicitly denied by: shop/d',
    ],
    ['allow that matches allows', [policy('a', 'allow', [[[HIT]]])], 'allow', 'allowed by: shop/a'],
    [
      'one of several allows suffices',
      [policy('a', 'allow', [[[MISS]]]), policy('b', 'allow', [[[HIT]]])],
      'allow',
      'allowed by: shop/b',
    ],
    [
      'allows that do not match deny',
      [policy('a', 'allow', [[[MISS]]])],
      'deny',
      'allow policies exist, but none allowed: shop/a',
    ],
  ] as const)('%s', (_, policies, expected, reason) => {
    expect(verdict(policies)).toEqual({ verdict: expected, reason, dryRun: [] });
  });

  it('a bound policy that was never received denies and is named', () => {
    const allowing = [policy('a', 'allow', [[[HIT]]])];

    expect(verdict(allowing, facts, ['shop/late'])).toMatchObject({
      verdict: 'deny',
      reason: 'bound policies were never received: shop/late',
    });
  });

  it('dry-run policies are reported and change nothing', () => {
    const policies = [
      policy('d', 'deny', [[[HIT]]], { dryRun: true }),
      policy('a', 'allow', [[[MISS]]], { dryRun: true }),
    ];

    expect(verdict(policies)).toEqual({
      verdict: 'allow',
      reason: 'no allow policy binds here',
      dryRun: [
        { policy: 'shop/d', action: 'deny', matched: true },
        { policy: 'shop/a', action: 'allow', matched: false },
      ],
    });
  });
});

describe('rules, clauses and matches', () => {
  it.each<[string, Authorization['rules'], boolean]>([
    ['no rules match nothing', [], false],
    ['a rule without clauses matches', [[]], true],
    ['a clause without matches matches', [[[]]], true],
    // hbone §10.fact.7
    ['an empty match matches nothing', [[[NO_MATCH]]], false],
    ['an empty match beside one that hits is skipped', [[[NO_MATCH, HIT]]], true],
    ['any rule suffices', [[[MISS]], [[HIT]]], true],
    ['all clauses are needed', [[[HIT], [MISS]]], false],
    ['any match of a clause suffices', [[[MISS, HIT]]], true],
  ])('%s', (_, rules, expected) => {
    expect(verdict([policy('d', 'deny', rules)]).verdict === 'deny').toBe(expected);
  });
});

describe('attributes', () => {
  const exact = (value: string) => ({ kind: 'exact', value }) as const;
  const presence = { kind: 'presence' } as const;

  it.each<[string, Partial<PolicyMatch>, boolean]>([
    ['a principal without the scheme', { principals: [exact('cluster.local/ns/shop/sa/storefront')] }, true],
    ['a principal with the scheme is another text', { principals: [exact(spiffe('shop', 'storefront'))] }, false],
    ['a prefix of the principal', { principals: [{ kind: 'prefix', value: 'cluster.local/ns/shop/' }] }, true],
    ['a suffix of the principal', { principals: [{ kind: 'suffix', value: '/sa/storefront' }] }, true],
    ['any principal', { principals: [presence] }, true],
    ['not that principal', { notPrincipals: [exact('cluster.local/ns/shop/sa/storefront')] }, false],
    ['not another principal', { notPrincipals: [exact('cluster.local/ns/shop/sa/other')] }, true],
    ['the namespace', { namespaces: [exact('shop')] }, true],
    ['not the namespace', { notNamespaces: [exact('shop')] }, false],
    [
      'a service account, whatever the trust domain',
      { serviceAccounts: [{ namespace: 'shop', serviceAccount: 'storefront' }] },
      true,
    ],
    [
      'a service account of another namespace',
      { serviceAccounts: [{ namespace: 'x', serviceAccount: 'storefront' }] },
      false,
    ],
    ['not the service account', { notServiceAccounts: [{ namespace: 'shop', serviceAccount: 'storefront' }] }, false],
    ['a block around the source', { sourceIps: [{ ip: '10.1.0.0', length: 24 }] }, true],
    ['a block beside the source', { sourceIps: [{ ip: '10.2.0.0', length: 24 }] }, false],
    ['a block of the other family', { sourceIps: [{ ip: '::', length: 0 }] }, false],
    ['not the block around the source', { notSourceIps: [{ ip: '0.0.0.0', length: 0 }] }, false],
    ['the destination address', { destinationIps: [{ ip: '10.1.0.2', length: 32 }] }, true],
    ['not the destination address', { notDestinationIps: [{ ip: '10.1.0.2', length: 32 }] }, false],
    ['the port', { destinationPorts: [1, 8080] }, true],
    ['not the port', { notDestinationPorts: [8080] }, false],
    ['attributes are all needed', { destinationPorts: [8080], namespaces: [exact('x')] }, false],
    ['a negative beside a positive', { destinationPorts: [8080], notNamespaces: [exact('x')] }, true],
  ])('%s', (_, one, expected) => {
    expect(admits(one)).toBe(expected);
  });

  it.each<[string, Partial<PolicyMatch>, boolean]>([
    ['no principal is present', { principals: [presence] }, false],
    ['principal absent, which is strict mTLS as a DENY', { notPrincipals: [presence] }, true],
    ['the namespace is empty', { namespaces: [exact('')] }, true],
    ['no namespace is present', { namespaces: [presence] }, false],
    ['no service account', { serviceAccounts: [{ namespace: '', serviceAccount: '' }] }, false],
    ['not a service account', { notServiceAccounts: [{ namespace: 'shop', serviceAccount: 'storefront' }] }, true],
  ])('of a plaintext connection: %s', (_, one, expected) => {
    expect(admits(one, plaintext)).toBe(expected);
  });

  it('a mapped source address is the IPv4 address', () => {
    expect(admits({ sourceIps: [{ ip: '10.1.0.0', length: 24 }] }, { ...facts, sourceIp: '::ffff:10.1.0.1' })).toBe(
      true,
    );
  });
});

it('judges what a snapshot says binds to the workload', () => {
  const local = pod('reviews-1', '10.1.0.2', { authorizationPolicies: ['shop/mine', 'shop/late'] });
  const mine = policy('mine', 'allow', [[[HIT]]], { scope: 'workload-selector' });
  const others = policy('others', 'deny', [[]], { scope: 'workload-selector' });
  const snapshot = snapshotOf({ workloads: [local], policies: [mine, others] });

  expect(authorize(snapshot.policiesFor(local), facts).reason).toBe('bound policies were never received: shop/late');
  expect(authorize(snapshot.policiesFor({ ...local, authorizationPolicies: ['shop/mine'] }), facts).reason).toBe(
    'allowed by: shop/mine',
  );
});
