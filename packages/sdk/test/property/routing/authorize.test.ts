import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Authorization, PolicyMatch, StringMatch } from '../../../src/discovery/model.js';
import { NO_MATCH } from '../../../src/discovery/no-match.js';
import { authorize, type ConnectionFacts } from '../../../src/routing/index.js';

const strings: fc.Arbitrary<readonly StringMatch[]> = fc.array(
  fc.oneof(
    fc.constant({ kind: 'presence' } as const),
    fc.record({
      kind: fc.constantFrom('exact', 'prefix', 'suffix'),
      value: fc.constantFrom('', 'a', 'b', 'td/ns/a/sa/x', 'td/', '/sa/x'),
    }),
  ),
  { maxLength: 2 },
);
const blocks = fc.array(
  fc.record({ ip: fc.constantFrom('10.0.0.1', '10.0.0.2'), length: fc.constantFrom(0, 24, 31, 32) }),
  { maxLength: 2 },
);
const ports = fc.subarray([80, 443]);
const accounts = fc.subarray([
  { namespace: 'a', serviceAccount: 'x' },
  { namespace: 'b', serviceAccount: 'y' },
]);

/** Mostly few constraints: a match of twelve random lists would never hold. */
const match: fc.Arbitrary<PolicyMatch> = fc
  .record(
    {
      namespaces: strings,
      notNamespaces: strings,
      principals: strings,
      notPrincipals: strings,
      sourceIps: blocks,
      notSourceIps: blocks,
      destinationIps: blocks,
      notDestinationIps: blocks,
      destinationPorts: ports,
      notDestinationPorts: ports,
      serviceAccounts: accounts,
      notServiceAccounts: accounts,
    },
    { requiredKeys: [] },
  )
  .chain((full) => fc.subarray(Object.keys(full), { maxLength: 3 }).map((keys) => complete(full, keys)));

function complete(full: Partial<PolicyMatch>, keys: readonly string[]): PolicyMatch {
  const kept = Object.fromEntries(Object.entries(full).filter(([key]) => keys.includes(key)));
  return { ...NO_MATCH, ...kept };
}

const policies: fc.Arbitrary<readonly Authorization[]> = fc
  .array(
    fc.record({
      action: fc.constantFrom('allow', 'deny'),
      dryRun: fc.boolean(),
      rules: fc.array(fc.array(fc.array(match, { maxLength: 2 }), { maxLength: 2 }), { maxLength: 2 }),
    }),
    { maxLength: 4 },
  )
  .map((list) =>
    list.map((it, i) => ({ ...it, key: `ns/p${i}`, name: `p${i}`, namespace: 'ns', scope: 'global' as const })),
  );

const facts: fc.Arbitrary<ConnectionFacts> = fc.record({
  sourceIp: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.1'),
  destinationIp: fc.constantFrom('10.0.0.1', '10.0.0.3'),
  destinationPort: fc.constantFrom(80, 443, 22),
  identity: fc.constantFrom('spiffe://td/ns/a/sa/x', 'spiffe://td/ns/b/sa/y', undefined),
});

/** ztunnel's rules written out once more, attribute by attribute, with addresses as numbers. */
function naive(list: readonly Authorization[], c: ConnectionFacts): 'allow' | 'deny' {
  const id = c.identity?.split('/');
  const ns = id?.[4] ?? '';
  const account = id?.[6];
  const principal = c.identity?.replace('spiffe://', '');
  const number = (ip: string) => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const within = (ip: string, block: { ip: string; length: number }) =>
    Math.floor(number(ip) / 2 ** (32 - block.length)) === Math.floor(number(block.ip) / 2 ** (32 - block.length));
  const text = (m: StringMatch, s: string) => {
    if (m.kind === 'presence') return s.length > 0;
    if (m.kind === 'exact') return s === m.value;
    return m.kind === 'prefix'
      ? s.slice(0, m.value.length) === m.value
      : s.slice(s.length - m.value.length) === m.value;
  };
  const is = (p: { namespace: string; serviceAccount: string }) => p.namespace === ns && p.serviceAccount === account;
  const holds = (m: PolicyMatch) => {
    if (Object.values(m).every((l: readonly unknown[]) => l.length === 0)) return false;
    if (m.namespaces.length && !m.namespaces.some((s) => text(s, ns))) return false;
    if (m.notNamespaces.some((s) => text(s, ns))) return false;
    if (m.principals.length && (principal === undefined || !m.principals.some((s) => text(s, principal)))) return false;
    if (principal !== undefined && m.notPrincipals.some((s) => text(s, principal))) return false;
    if (m.sourceIps.length && !m.sourceIps.some((b) => within(c.sourceIp, b))) return false;
    if (m.notSourceIps.some((b) => within(c.sourceIp, b))) return false;
    if (m.destinationIps.length && !m.destinationIps.some((b) => within(c.destinationIp, b))) return false;
    if (m.notDestinationIps.some((b) => within(c.destinationIp, b))) return false;
    if (m.destinationPorts.length && !m.destinationPorts.includes(c.destinationPort)) return false;
    if (m.notDestinationPorts.includes(c.destinationPort)) return false;
    if (m.serviceAccounts.length && !m.serviceAccounts.some(is)) return false;
    return !m.notServiceAccounts.some(is);
  };
  const matches = (p: Authorization) =>
    p.rules.some((clauses) => clauses.every((ms) => ms.length === 0 || ms.filter(holds).length > 0));
  const live = list.filter((p) => !p.dryRun);
  if (live.some((p) => p.action === 'deny' && matches(p))) return 'deny';
  const allows = live.filter((p) => p.action === 'allow');
  return allows.length === 0 || allows.some(matches) ? 'allow' : 'deny';
}

it('agrees with a second, plain reading of the algebra', () => {
  const seen = { allow: 0, deny: 0 };
  fc.assert(
    fc.property(policies, facts, (list, connection) => {
      const expected = naive(list, connection);
      seen[expected]++;

      expect(authorize({ policies: list, missing: [] }, connection).verdict).toBe(expected);
    }),
    { seed: 21, numRuns: 3000 },
  );

  expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan(300);
});

it('a missing policy never opens anything', () => {
  fc.assert(
    fc.property(policies, facts, (list, connection) => {
      expect(authorize({ policies: list, missing: ['ns/late'] }, connection).verdict).toBe('deny');
    }),
    { seed: 22 },
  );
});
