/** Policies of the root namespace as far as they reach into all others. */
import type { KubeObject, MutualTlsMode, ObjectsByKind } from '../../sources/index.js';
import type { Labels } from '../labels.js';
import { isDistributed } from './authorization.js';
import { modeOf } from './peer-authentication.js';

/** A policy that binds the workloads its selector finds. */
export interface Selector {
  /** xDS name of the policy. */
  readonly key: string;
  readonly matchLabels: Labels;
}

export interface MeshPolicies {
  readonly selectors: readonly Selector[];
  readonly mutualTls: MutualTlsMode;
}

export function meshPolicies({ AuthorizationPolicy, PeerAuthentication }: ObjectsByKind): MeshPolicies {
  return {
    selectors: selectorsOf(AuthorizationPolicy),
    mutualTls: modeOf(PeerAuthentication, 'PERMISSIVE'),
  };
}

export function selectorsOf(policies: readonly KubeObject<'AuthorizationPolicy'>[]): readonly Selector[] {
  return policies.filter(isDistributed).flatMap(({ metadata: { namespace, name }, spec: { selector } }) => {
    return selector ? [{ key: `${namespace}/${name}`, matchLabels: selector.matchLabels }] : [];
  });
}
