/**
 * The policies of a namespace, and which policies bind a workload of it by selector. Others bind by namespace or mesh,
 * which proxies see for themselves.
 */
import type { Authorization } from '@isthmus/sdk/discovery';
import type { NamespaceContext } from '../context.js';
import { type Labels, ROOT_NAMESPACE, selects } from '../labels.js';
import { convertAuthorization } from './authorization.js';
import { selectorsOf } from './mesh.js';
import { indexPeerAuthentications } from './peer-authentication.js';
import { targetSelectors } from './targets.js';

export interface PolicyIndex {
  /** By xDS name. */
  readonly resources: ReadonlyMap<string, Authorization>;
  /** Keys of the policies that bind by selector or by what they name, in the order of names. */
  bindingTo(labels: Labels, isWaypoint: boolean): readonly string[];
}

const NONE: readonly string[] = Object.freeze([]);
const NO_POLICIES: PolicyIndex = { resources: new Map(), bindingTo: () => NONE };

export function derivePolicies(context: NamespaceContext): PolicyIndex {
  if (!context.isLocal) return NO_POLICIES;
  const { AuthorizationPolicy } = context.objects;
  const peers = indexPeerAuthentications(context);
  const converted = AuthorizationPolicy.flatMap((policy) => convertAuthorization(context, policy) ?? []);
  // A selector in the root namespace reaches into all namespaces.
  const own = context.namespace === ROOT_NAMESPACE ? [] : selectorsOf(AuthorizationPolicy);
  const selectors = [...own, ...context.policies.selectors, ...targetSelectors(context)];
  return {
    resources: new Map([...converted, ...peers.resources].map((resource) => [resource.key, resource])),
    bindingTo(labels, isWaypoint) {
      const selected = selectors.filter(({ matchLabels }) => selects(matchLabels, labels)).map(({ key }) => key);
      const named = isWaypoint ? context.policies.ofWaypoints : NONE;
      const keys = [...new Set([...selected, ...named]), ...peers.bindingTo(labels)].sort();
      return keys.length > 0 ? keys : NONE;
    },
  };
}
