/**
 * L4 authorization: may this connection reach this workload. ztunnel's algebra and order of evaluation, dry-run included.
 *
 * Bounds: pure, linear in the policies that bind to the workload. Differs from ztunnel in one point: a policy that the
 * workload names and that was never received denies. ztunnel warns and goes on, which opens a workload for as long as its
 * DENY policy is late, and, if it was the only ALLOW, for everyone.
 */
import type { Authorization, PolicyMatch, PolicySelection, StringMatch } from '../discovery/model.js';
import { parseSpiffeId, type SpiffeId } from '../wire/spiffe.js';
import { inBlock } from './ip.js';

export interface ConnectionFacts {
  readonly sourceIp: string;
  /** Where the connection goes in the end: the workload's address and the port after every override. */
  readonly destinationIp: string;
  readonly destinationPort: number;
  /** SPIFFE URI of the verified client; absent on plaintext. */
  readonly identity?: string | undefined;
}

/** What a dry-run policy would have done. */
export interface DryRunResult {
  readonly policy: string;
  readonly action: Authorization['action'];
  readonly matched: boolean;
}

export interface Verdict {
  readonly verdict: 'allow' | 'deny';
  /** Names the policies that decided. */
  readonly reason: string;
  readonly dryRun: readonly DryRunResult[];
}

/** The facts as predicates compare them. */
interface Subject extends ConnectionFacts {
  readonly spiffe: SpiffeId | undefined;
}

export function authorize(selection: PolicySelection, facts: ConnectionFacts): Verdict {
  const spiffe = facts.identity === undefined ? undefined : parseSpiffeId(facts.identity);
  const subject: Subject = { ...facts, spiffe };
  const enforced = selection.policies.filter((policy) => !policy.dryRun);
  const dryRun = selection.policies
    .filter((policy) => policy.dryRun)
    .map(({ key, action, rules }) => ({
      policy: key,
      action,
      matched: rules.some((rule) => ruleMatches(rule, subject)),
    }));
  return { ...decide(enforced, selection.missing, subject), dryRun };
}

function decide(
  enforced: readonly Authorization[],
  missing: readonly string[],
  subject: Subject,
): Omit<Verdict, 'dryRun'> {
  const matching = (action: Authorization['action']) =>
    enforced.find((policy) => policy.action === action && policyMatches(policy, subject));
  const denying = matching('deny');
  if (denying) return { verdict: 'deny', reason: `explicitly denied by: ${denying.key}` };
  if (missing.length > 0) {
    return { verdict: 'deny', reason: `bound policies were never received: ${missing.join(', ')}` };
  }
  const allows = enforced.filter((policy) => policy.action === 'allow');
  if (allows.length === 0) return { verdict: 'allow', reason: 'no allow policy binds here' };
  const allowing = matching('allow');
  if (allowing) return { verdict: 'allow', reason: `allowed by: ${allowing.key}` };
  const keys = allows.map((policy) => policy.key).join(', ');
  return { verdict: 'deny', reason: `allow policies exist, but none allowed: ${keys}` };
}

/** Any rule; a policy without rules matches nothing. */
function policyMatches({ rules }: Authorization, subject: Subject): boolean {
  return rules.some((rule) => ruleMatches(rule, subject));
}

/** All clauses, and in a clause any match; a rule without clauses and a clause without matches hold. */
function ruleMatches(rule: Authorization['rules'][number], subject: Subject): boolean {
  return rule.every((clause) => clause.length === 0 || clause.some((match) => matchHolds(match, subject)));
}

type Attribute = 'namespaces' | 'principals' | 'sourceIps' | 'destinationIps' | 'destinationPorts' | 'serviceAccounts';

/** One attribute: whether an entry of its lists hits the connection. */
type Hits = { readonly [A in Attribute]: (entry: PolicyMatch[A][number], subject: Subject) => boolean };

const HITS: Hits = {
  namespaces: (entry, { spiffe }) => stringHits(entry, spiffe?.namespace ?? ''),
  // Policies write principals without the scheme; without an identity no principal hits, so only negatives pass.
  principals: (entry, { spiffe, identity }) =>
    spiffe !== undefined && stringHits(entry, (identity ?? '').slice('spiffe://'.length)),
  sourceIps: (entry, { sourceIp }) => inBlock(sourceIp, entry),
  destinationIps: (entry, { destinationIp }) => inBlock(destinationIp, entry),
  destinationPorts: (entry, { destinationPort }) => entry === destinationPort,
  serviceAccounts: (entry, { spiffe }) =>
    spiffe?.namespace === entry.namespace && spiffe.serviceAccount === entry.serviceAccount,
};

type Negative = { readonly [A in Attribute]: `not${Capitalize<A>}` & keyof PolicyMatch };

const NEGATIVE: Negative = {
  namespaces: 'notNamespaces',
  principals: 'notPrincipals',
  sourceIps: 'notSourceIps',
  destinationIps: 'notDestinationIps',
  destinationPorts: 'notDestinationPorts',
  serviceAccounts: 'notServiceAccounts',
};
const ATTRIBUTES = Object.keys(HITS) as Attribute[];

/** All attributes; a match that constrains nothing matches nothing, so that an empty one cannot open or close all doors. */
function matchHolds(match: PolicyMatch, subject: Subject): boolean {
  const empty = ATTRIBUTES.every((name) => match[name].length === 0 && match[NEGATIVE[name]].length === 0);
  return !empty && ATTRIBUTES.every((name) => attributeHolds(name, match, subject));
}

function attributeHolds<A extends Attribute>(name: A, match: PolicyMatch, subject: Subject): boolean {
  const hits = HITS[name] as (entry: unknown, subject: Subject) => boolean;
  const positive: readonly unknown[] = match[name];
  const negative: readonly unknown[] = match[NEGATIVE[name]];
  const wanted = positive.length === 0 || positive.some((entry) => hits(entry, subject));
  return wanted && !negative.some((entry) => hits(entry, subject));
}

function stringHits(match: StringMatch, text: string): boolean {
  switch (match.kind) {
    case 'exact':
      return text === match.value;
    case 'prefix':
      return text.startsWith(match.value);
    case 'suffix':
      return text.endsWith(match.value);
    case 'presence':
      return text !== '';
  }
}
