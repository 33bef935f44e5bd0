/**
 * A policy of a local file. Matchers of text are tagged in YAML (`!Exact x`); whoever parses it gives them as
 * `{ Exact: 'x' }`, which is also how `/config_dump` writes them.
 */
import type { Authorization, PolicyMatch, ServiceAccountMatch, StringMatch } from '../model.js';
import { Fields, flag, type Item, isMapping, listOf, port, shown, text, word } from './fields.js';
import { block } from './parts.js';

const SCOPE = { Global: 'global', Namespace: 'namespace', WorkloadSelector: 'workload-selector' } as const;
const ACTION = { Allow: 'allow', Deny: 'deny' } as const;
const KIND = { Exact: 'exact', Prefix: 'prefix', Suffix: 'suffix' } as const;

export const policy: Item<Authorization> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const name = fields.required('name', text, '');
  const namespace = fields.required('namespace', text, '');
  const read: Authorization = {
    key: `${namespace}/${name}`,
    name,
    namespace,
    scope: fields.required('scope', word(SCOPE), 'global'),
    action: fields.required('action', word(ACTION), 'deny'),
    rules: fields.required('rules', listOf(listOf(listOf(match))), []),
    dryRun: fields.optional('dryRun', flag) ?? false,
  };
  fields.done();
  return read;
};

const match: Item<PolicyMatch> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const list = <T>(name: keyof PolicyMatch, item: Item<T>): readonly T[] => fields.optional(name, listOf(item)) ?? [];
  const read: PolicyMatch = {
    namespaces: list('namespaces', matcher),
    notNamespaces: list('notNamespaces', matcher),
    principals: list('principals', matcher),
    notPrincipals: list('notPrincipals', matcher),
    sourceIps: list('sourceIps', block),
    notSourceIps: list('notSourceIps', block),
    destinationIps: list('destinationIps', block),
    notDestinationIps: list('notDestinationIps', block),
    destinationPorts: list('destinationPorts', port),
    notDestinationPorts: list('notDestinationPorts', port),
    serviceAccounts: list('serviceAccounts', account),
    notServiceAccounts: list('notServiceAccounts', account),
  };
  fields.done();
  return read;
};

const matcher: Item<StringMatch> = (value, path, problems) => {
  const [[name, operand] = ['', undefined], ...more] = isMapping(value) ? Object.entries(value) : [];
  if (name === 'Presence' && more.length === 0) return { kind: 'presence' };
  if (!Object.hasOwn(KIND, name) || more.length > 0) {
    problems.add(path, `${shown(value)} is none of !Exact, !Prefix, !Suffix with a text, and !Presence []`);
    return { kind: 'presence' };
  }
  return { kind: KIND[name as keyof typeof KIND], value: text(operand, path, problems) };
};

const account: Item<ServiceAccountMatch> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const read = {
    namespace: fields.required('namespace', text, ''),
    serviceAccount: fields.required('serviceAccount', text, ''),
  };
  fields.done();
  return read;
};
