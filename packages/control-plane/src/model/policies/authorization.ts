/**
 * AuthorizationPolicy to what a layer-4 proxy can enforce. Where it cannot, the result is stricter, never laxer: an
 * ALLOW rule that needs HTTP is left out, and a DENY rule denies without regard to the HTTP attributes. (istiod's
 * form of such a DENY rule matches nothing in ztunnel when only HTTP attributes were given.)
 */
import type { Authorization, PolicyMatch } from '@isthmus/sdk/discovery';
import type { KubeObject } from '../../sources/index.js';
import type { NamespaceContext } from '../context.js';
import { ANNOTATION, ROOT_NAMESPACE } from '../labels.js';
import { accountMatch, cidrMatch, isEmptyMatch, match, stringMatch } from './match.js';
import { isEnforced, keyOf, targetsOf } from './mesh.js';
import { isEnforcedAtTargets } from './targets.js';

type Policy = KubeObject<'AuthorizationPolicy'>;
type Rule = Policy['spec']['rules'][number];
type Source = Rule['from'][number]['source'];
type Operation = Rule['to'][number]['operation'];
type Condition = Rule['when'][number];
type Clause = readonly PolicyMatch[];

/** Actions that no layer-4 proxy knows, Istio's ztunnel included: what to write instead. */
const UNENFORCED: Readonly<Partial<Record<Policy['spec']['action'], string>>> = {
  AUDIT:
    'AUDIT only marks requests for a log of layer 7; use DENY with the annotation istio.io/dry-run: "true" to have matches logged',
  CUSTOM: 'CUSTOM leaves the decision to an external authorizer of layer 7, and nothing is denied; use ALLOW or DENY',
};

/** Undefined when it is not distributed; a warning says why. */
export function convertAuthorization(context: NamespaceContext, policy: Policy): Authorization | undefined {
  const { name, namespace, annotations } = policy.metadata;
  const { action, selector, rules } = policy.spec;
  if (!isEnforced(policy)) {
    context.warn(policy, 'spec.action', `AuthorizationPolicy ${keyOf(policy)} has no effect: ${UNENFORCED[action]}`);
    return undefined;
  }
  const targets = targetsOf(policy);
  if (targets.length > 0 && !isEnforcedAtTargets(context, policy)) return undefined;
  const unscoped = namespace === ROOT_NAMESPACE ? 'global' : 'namespace';
  return {
    key: `${namespace}/${name}`,
    name,
    namespace,
    scope: selector || targets.length > 0 ? 'workload-selector' : unscoped,
    action: action === 'DENY' ? 'deny' : 'allow',
    rules: rules.flatMap((rule, index) => convertRule(context, policy, rule, index) ?? []),
    dryRun: annotations[ANNOTATION.dryRun] === 'true',
  };
}

/** An array of one rule, because the clauses of a rule are an array too. */
function convertRule(
  context: NamespaceContext,
  policy: Policy,
  rule: Rule,
  index: number,
): readonly [readonly Clause[]] | undefined {
  const path = `spec.rules[${index}]`;
  const http = httpAttributes(rule);
  if (http.length > 0) {
    const isAllow = policy.spec.action === 'ALLOW';
    const effect = isAllow ? 'the whole rule is left out, so less is allowed' : 'they are left out, so more is denied';
    context.warn(policy, path, `${http.join(', ')}: layer-4 proxies cannot see HTTP; ${effect}`);
    if (isAllow) return undefined;
  }
  const { namespace } = policy.metadata;
  const clauses = [
    rule.to.map(({ operation }) => operationMatch(operation)),
    rule.from.map(({ source }) => sourceMatch(source, namespace)),
    ...rule.when.map((condition) => [conditionMatch(condition, namespace)]),
  ];
  // An alternative that lost all its attributes to HTTP stands for anything, and so its clause asks nothing any more.
  return [clauses.filter((clause) => clause.length > 0 && !clause.some(isEmptyMatch))];
}

function operationMatch({ ports, notPorts }: Operation): PolicyMatch {
  return match({ destinationPorts: ports.map(Number), notDestinationPorts: notPorts.map(Number) });
}

function sourceMatch(source: Source, policyNamespace: string): PolicyMatch {
  const account = (text: string) => accountMatch(text, policyNamespace);
  return match({
    namespaces: source.namespaces.map(stringMatch),
    notNamespaces: source.notNamespaces.map(stringMatch),
    principals: source.principals.map(stringMatch),
    notPrincipals: source.notPrincipals.map(stringMatch),
    sourceIps: source.ipBlocks.map(cidrMatch),
    notSourceIps: source.notIpBlocks.map(cidrMatch),
    serviceAccounts: source.serviceAccounts.map(account),
    notServiceAccounts: source.notServiceAccounts.map(account),
  });
}

type ConditionRow = (values: readonly string[], notValues: readonly string[], namespace: string) => PolicyMatch;

/** Conditions that layer 4 knows; any other key is HTTP's. */
const CONDITIONS: Readonly<Record<string, ConditionRow>> = {
  'source.ip': (values, not) => match({ sourceIps: values.map(cidrMatch), notSourceIps: not.map(cidrMatch) }),
  'source.namespace': (values, not) =>
    match({ namespaces: values.map(stringMatch), notNamespaces: not.map(stringMatch) }),
  'source.principal': (values, not) =>
    match({ principals: values.map(stringMatch), notPrincipals: not.map(stringMatch) }),
  'source.serviceAccount': (values, not, namespace) =>
    match({
      serviceAccounts: values.map((text) => accountMatch(text, namespace)),
      notServiceAccounts: not.map((text) => accountMatch(text, namespace)),
    }),
  'destination.ip': (values, not) =>
    match({ destinationIps: values.map(cidrMatch), notDestinationIps: not.map(cidrMatch) }),
  'destination.port': (values, not) =>
    match({ destinationPorts: values.map(Number), notDestinationPorts: not.map(Number) }),
};

function conditionMatch({ key, values, notValues }: Condition, policyNamespace: string): PolicyMatch {
  return CONDITIONS[key]?.(values, notValues, policyNamespace) ?? match({});
}

const HTTP_SOURCE = ['requestPrincipals', 'notRequestPrincipals', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const;
const HTTP_OPERATION = ['hosts', 'notHosts', 'methods', 'notMethods', 'paths', 'notPaths'] as const;

/** What the rule asks that only HTTP can answer. */
function httpAttributes({ from, to, when }: Rule): readonly string[] {
  const ofSources = from.flatMap(({ source }) => HTTP_SOURCE.filter((name) => source[name].length > 0));
  const ofOperations = to.flatMap(({ operation }) => HTTP_OPERATION.filter((name) => operation[name].length > 0));
  const ofConditions = when.map(({ key }) => key).filter((key) => !Object.hasOwn(CONDITIONS, key));
  return [...new Set([...ofSources, ...ofOperations, ...ofConditions])];
}
