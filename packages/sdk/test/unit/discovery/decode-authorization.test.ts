import type { MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { decodeAuthorization, formatProblems } from '../../../src/discovery/index.js';
import { authorizationPb } from '../../../src/wire/index.js';
import { type AuthorizationInit, authorizationMessage } from '../../support/xds-resources.js';

type MatchInit = MessageInitShape<typeof authorizationPb.MatchSchema>;

const withMatch = (match: MatchInit): AuthorizationInit => ({ rules: [{ clauses: [{ matches: [match] }] }] });

const decoded = (init: AuthorizationInit) => {
  const result = decodeAuthorization(authorizationMessage(init));
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return result.value;
};

const problems = (init: AuthorizationInit) => {
  const result = decodeAuthorization(authorizationMessage(init));
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
};

const MATCH = 'authorization.rules[0].clauses[0].matches[0]';

describe('a policy', () => {
  it('is keyed by namespace and name', () => {
    const policy = decoded({
      namespace: 'shop',
      name: 'p',
      scope: authorizationPb.Scope.WORKLOAD_SELECTOR,
      action: authorizationPb.Action.DENY,
      dryRun: true,
    });

    expect(policy).toEqual({
      key: 'shop/p',
      namespace: 'shop',
      name: 'p',
      scope: 'workload-selector',
      action: 'deny',
      dryRun: true,
      rules: [],
    });
  });

  it('keeps rules, clauses and matches apart, empty ones too', () => {
    const { rules } = decoded({ rules: [{}, { clauses: [{}] }, { clauses: [{ matches: [{}] }] }] });

    expect(rules.map((clauses) => clauses.map((matches) => matches.length))).toEqual([[], [0], [1]]);
  });

  it('reads every attribute of a match', () => {
    const exact = { matchType: { case: 'exact' as const, value: 'a' } };
    const prefix = { matchType: { case: 'prefix' as const, value: 'b' } };
    const suffix = { matchType: { case: 'suffix' as const, value: 'c' } };
    const presence = { matchType: { case: 'presence' as const, value: {} } };
    const block = { address: Uint8Array.of(10, 0, 0, 0), length: 8 };
    const account = { namespace: 'n', serviceAccount: 's' };

    const { rules } = decoded(
      withMatch({
        namespaces: [exact, prefix, suffix, presence],
        notNamespaces: [exact],
        principals: [prefix],
        notPrincipals: [suffix],
        sourceIps: [block],
        notSourceIps: [block],
        destinationIps: [block],
        notDestinationIps: [block],
        destinationPorts: [80, 65535],
        notDestinationPorts: [0],
        serviceAccounts: [account],
        notServiceAccounts: [account],
      }),
    );

    const cidr = { ip: '10.0.0.0', length: 8 };
    expect(rules[0]?.[0]?.[0]).toEqual({
      namespaces: [
        { kind: 'exact', value: 'a' },
        { kind: 'prefix', value: 'b' },
        { kind: 'suffix', value: 'c' },
        { kind: 'presence' },
      ],
      notNamespaces: [{ kind: 'exact', value: 'a' }],
      principals: [{ kind: 'prefix', value: 'b' }],
      notPrincipals: [{ kind: 'suffix', value: 'c' }],
      sourceIps: [cidr],
      notSourceIps: [cidr],
      destinationIps: [cidr],
      notDestinationIps: [cidr],
      destinationPorts: [80, 65535],
      notDestinationPorts: [0],
      serviceAccounts: [account],
      notServiceAccounts: [account],
    });
  });

  it.each<[string, AuthorizationInit, string]>([
    ['without name', { name: '' }, 'authorization.name: empty, a policy is stored and removed as namespace/name'],
    ['of an unknown scope', { scope: 7 as authorizationPb.Scope }, 'authorization.scope: 7 is not a known Scope'],
    ['of an unknown action', { action: 2 as authorizationPb.Action }, 'authorization.action: 2 is not a known Action'],
    [
      'with a principal that matches nothing in particular',
      withMatch({ principals: [{}] }),
      `${MATCH}.principals[0]: none of exact, prefix, suffix and presence is set`,
    ],
    [
      'with an address of 2 bytes',
      withMatch({ sourceIps: [{ address: new Uint8Array(2), length: 8 }] }),
      `${MATCH}.sourceIps[0].address: 2 bytes, an IP address has 4 or 16`,
    ],
    [
      'with a prefix of 33',
      withMatch({ notDestinationIps: [{ address: new Uint8Array(4), length: 33 }] }),
      `${MATCH}.notDestinationIps[0].length: 33, the prefix of an IPv4 address has at most 32 bits`,
    ],
    [
      'with port 65616, which ztunnel would take for 80',
      withMatch({ destinationPorts: [65616] }),
      `${MATCH}.destinationPorts[0]: 65616 is not a port, the highest is 65535`,
    ],
  ])('%s is refused with the reason', (_what, init, problem) => {
    expect(problems(init)).toEqual([problem]);
  });
});
