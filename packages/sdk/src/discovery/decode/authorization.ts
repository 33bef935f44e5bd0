/**
 * istio.security.Authorization -> model.
 *
 * Stricter than ztunnel on purpose: there an unreadable block of addresses or a StringMatch without kind drops out of
 * its list and ports are cut to 16 bits. A list that loses members matches other connections than its author meant, and
 * an emptied positive list matches all of them, so a DENY may vanish or an ALLOW open up. Here the resource is refused,
 * the last good one stays in force, and the control plane reads why.
 */
import type { authorizationPb } from '../../wire/protos.js';
import { policyActions, policyScopes } from '../enums.js';
import type { Authorization, CidrMatch, PolicyMatch, ServiceAccountMatch, StringMatch } from '../model.js';
import { decodeIp, decodePrefixLength } from './parts.js';
import { createProblemList, type Decoded, decodeEnum, decodePort, type ProblemList } from './problems.js';

export function decodeAuthorization(message: authorizationPb.Authorization): Decoded<Authorization> {
  const problems = createProblemList();
  const { name, namespace, dryRun } = message;
  if (name === '') problems.add('authorization.name', 'empty, a policy is stored and removed as namespace/name');
  return problems.result({
    key: `${namespace}/${name}`,
    name,
    namespace,
    scope: decodeEnum(policyScopes, message.scope, 'authorization.scope', problems),
    action: decodeEnum(policyActions, message.action, 'authorization.action', problems),
    rules: message.rules.map(({ clauses }, rule) =>
      clauses.map(({ matches }, clause) =>
        matches.map((match, index) =>
          decodeMatch(match, `authorization.rules[${rule}].clauses[${clause}].matches[${index}]`, problems),
        ),
      ),
    ),
    dryRun,
  });
}

function decodeMatch(message: authorizationPb.Match, path: string, problems: ProblemList): PolicyMatch {
  const strings = (field: StringField) => each(message, field, path, problems, decodeString);
  const blocks = (field: BlockField) => each(message, field, path, problems, decodeBlock);
  const ports = (field: PortField) => each(message, field, path, problems, decodePort);
  const accounts = (field: AccountField) => each(message, field, path, problems, decodeAccount);
  return {
    namespaces: strings('namespaces'),
    notNamespaces: strings('notNamespaces'),
    principals: strings('principals'),
    notPrincipals: strings('notPrincipals'),
    sourceIps: blocks('sourceIps'),
    notSourceIps: blocks('notSourceIps'),
    destinationIps: blocks('destinationIps'),
    notDestinationIps: blocks('notDestinationIps'),
    destinationPorts: ports('destinationPorts'),
    notDestinationPorts: ports('notDestinationPorts'),
    serviceAccounts: accounts('serviceAccounts'),
    notServiceAccounts: accounts('notServiceAccounts'),
  };
}

type FieldsOf<Item> = {
  [Name in keyof authorizationPb.Match]: authorizationPb.Match[Name] extends Item[] ? Name : never;
}[keyof authorizationPb.Match] &
  string;
type StringField = FieldsOf<authorizationPb.StringMatch>;
type BlockField = FieldsOf<authorizationPb.Address>;
type PortField = FieldsOf<number>;
type AccountField = FieldsOf<authorizationPb.ServiceAccountMatch>;

function each<Field extends string, Item, Model>(
  message: Record<Field, Item[]>,
  field: Field,
  path: string,
  problems: ProblemList,
  decode: (item: Item, path: string, problems: ProblemList) => Model,
): Model[] {
  return message[field].map((item, index) => decode(item, `${path}.${field}[${index}]`, problems));
}

function decodeString({ matchType }: authorizationPb.StringMatch, path: string, problems: ProblemList): StringMatch {
  switch (matchType.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
      return { kind: matchType.case, value: matchType.value };
    case 'presence':
      return { kind: 'presence' };
    default:
      problems.add(path, 'none of exact, prefix, suffix and presence is set');
      return { kind: 'presence' };
  }
}

function decodeBlock({ address, length }: authorizationPb.Address, path: string, problems: ProblemList): CidrMatch {
  return {
    ip: decodeIp(address, `${path}.address`, problems),
    length: decodePrefixLength(length, address, `${path}.length`, problems),
  };
}

function decodeAccount({ namespace, serviceAccount }: authorizationPb.ServiceAccountMatch): ServiceAccountMatch {
  return { namespace, serviceAccount };
}
