/** What policies of the root namespace mean for all others, and the rules by which either kind is read. */
import type { KubeObject, MutualTlsMode, ObjectsByKind } from '../../sources/index.js';
import type { Labels } from '../labels.js';

type PeerAuthentication = KubeObject<'PeerAuthentication'>;

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
  return policies.filter(bindsBySelector).flatMap(({ metadata: { namespace, name }, spec: { selector } }) => {
    return selector ? [{ key: `${namespace}/${name}`, matchLabels: selector.matchLabels }] : [];
  });
}

function bindsBySelector(policy: KubeObject<'AuthorizationPolicy'>): boolean {
  return isEnforced(policy) && targetsOf(policy).length === 0;
}

/** Whether its action is one that layer 4 knows. */
export function isEnforced({ spec: { action } }: KubeObject<'AuthorizationPolicy'>): boolean {
  return action !== 'AUDIT' && action !== 'CUSTOM';
}

/** What it names itself; none: it binds by selector, namespace or mesh. */
export function targetsOf({ spec: { targetRef, targetRefs } }: KubeObject<'AuthorizationPolicy'>) {
  return targetRef ? [targetRef, ...targetRefs] : targetRefs;
}

/** Of one namespace's policies, for workloads that no selector finds; of several, the oldest counts. */
export function modeOf(policies: readonly PeerAuthentication[], inherited: MutualTlsMode): MutualTlsMode {
  const [oldest] = policies.filter(({ spec }) => !spec.selector).sort(byAge);
  const mode = oldest?.spec.mtls.mode ?? 'UNSET';
  return mode === 'UNSET' ? inherited : mode;
}

/** Older first; names decide between equals, so that the order of files never does. */
export function byAge({ metadata: a }: PeerAuthentication, { metadata: b }: PeerAuthentication): number {
  const ageOf = ({ creationTimestamp, name }: PeerAuthentication['metadata']) =>
    `${creationTimestamp ?? '9999'} ${name}`;
  return ageOf(a) < ageOf(b) ? -1 : 1;
}
