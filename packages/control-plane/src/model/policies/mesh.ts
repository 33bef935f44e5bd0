/** What policies of the root namespace mean for all others, and the rules by which either kind is read. */
import type { KubeObject, MutualTlsMode, ObjectsByKind } from '../../sources/index.js';
import { GATEWAY_CLASS, type Labels, ROOT_NAMESPACE } from '../labels.js';

type PeerAuthentication = KubeObject<'PeerAuthentication'>;
type Policy = KubeObject<'AuthorizationPolicy'>;
export type Target = Policy['spec']['targetRefs'][number];

export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

/** A policy that binds the workloads its selector finds. */
export interface Selector {
  /** xDS name of the policy. */
  readonly key: string;
  readonly matchLabels: Labels;
}

export interface MeshPolicies {
  readonly selectors: readonly Selector[];
  /** Keys of those that name the class of waypoints. */
  readonly ofWaypoints: readonly string[];
  readonly mutualTls: MutualTlsMode;
}

export function meshPolicies({ AuthorizationPolicy, PeerAuthentication }: ObjectsByKind): MeshPolicies {
  return {
    selectors: selectorsOf(AuthorizationPolicy),
    ofWaypoints: AuthorizationPolicy.filter(bindsWaypoints).map(keyOf),
    mutualTls: modeOf(PeerAuthentication, 'PERMISSIVE'),
  };
}

export function selectorsOf(policies: readonly Policy[]): readonly Selector[] {
  return policies.filter(bindsBySelector).flatMap((policy) => {
    const { selector } = policy.spec;
    return selector ? [{ key: keyOf(policy), matchLabels: selector.matchLabels }] : [];
  });
}

/** Its xDS name. */
export function keyOf({ metadata: { namespace, name } }: Policy): string {
  return `${namespace}/${name}`;
}

function bindsBySelector(policy: Policy): boolean {
  return isEnforced(policy) && targetsOf(policy).length === 0;
}

function bindsWaypoints(policy: Policy): boolean {
  return isEnforced(policy) && targetsOf(policy).some((target) => isWaypointClass(policy, target));
}

/** Whether all waypoints of the cluster are meant, as in Istio by a policy of the root namespace only. */
export function isWaypointClass({ metadata }: Policy, { group, kind, name }: Target): boolean {
  const isNamed = group === GATEWAY_GROUP && kind === 'GatewayClass' && name === GATEWAY_CLASS.waypoint;
  return isNamed && metadata.namespace === ROOT_NAMESPACE;
}

/** Whether its action is one that layer 4 knows. */
export function isEnforced({ spec: { action } }: Policy): boolean {
  return action === 'ALLOW' || action === 'DENY';
}

/** What it names itself; none: it binds by selector, namespace or mesh. */
export function targetsOf({ spec: { targetRef, targetRefs } }: Policy) {
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
