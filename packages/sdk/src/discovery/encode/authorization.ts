/** Model -> istio.security.Authorization. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { authorizationPb } from '../../wire/protos.js';
import { policyActions, policyScopes } from '../enums.js';
import type { Authorization, CidrMatch, PolicyMatch, StringMatch } from '../model.js';
import { encodeIp } from './workload.js';

export function encodeAuthorization(policy: Authorization): authorizationPb.Authorization {
  return create(authorizationPb.AuthorizationSchema, {
    name: policy.name,
    namespace: policy.namespace,
    scope: policyScopes.encode(policy.scope),
    action: policyActions.encode(policy.action),
    rules: policy.rules.map((clauses) => ({
      clauses: clauses.map((matches) => ({ matches: matches.map(encodeMatch) })),
    })),
    dryRun: policy.dryRun,
  });
}

function encodeMatch(match: PolicyMatch): MessageInitShape<typeof authorizationPb.MatchSchema> {
  return {
    namespaces: match.namespaces.map(encodeString),
    notNamespaces: match.notNamespaces.map(encodeString),
    principals: match.principals.map(encodeString),
    notPrincipals: match.notPrincipals.map(encodeString),
    sourceIps: match.sourceIps.map(encodeBlock),
    notSourceIps: match.notSourceIps.map(encodeBlock),
    destinationIps: match.destinationIps.map(encodeBlock),
    notDestinationIps: match.notDestinationIps.map(encodeBlock),
    destinationPorts: [...match.destinationPorts],
    notDestinationPorts: [...match.notDestinationPorts],
    serviceAccounts: match.serviceAccounts.map((account) => ({ ...account })),
    notServiceAccounts: match.notServiceAccounts.map((account) => ({ ...account })),
  };
}

function encodeString(match: StringMatch): MessageInitShape<typeof authorizationPb.StringMatchSchema> {
  if (match.kind === 'presence') return { matchType: { case: 'presence', value: {} } };
  return { matchType: { case: match.kind, value: match.value } };
}

function encodeBlock({ ip, length }: CidrMatch) {
  return { address: encodeIp(ip), length };
}
