/**
 * The policies of a cluster, and which of them bind a workload by selector. Others bind by namespace or mesh, which
 * proxies see for themselves.
 */
import type { Authorization } from '@isthmus/sdk/discovery';
import type { ClusterContext } from '../context.js';
import { type Labels, ROOT_NAMESPACE, selects } from '../labels.js';
import { convertAuthorization } from './authorization.js';
import { indexPeerAuthentications } from './peer-authentication.js';

export interface PolicyIndex {
  /** By xDS name. */
  readonly resources: ReadonlyMap<string, Authorization>;
  /** Keys of the policies that bind by selector, in the order of names. */
  bindingTo(workload: { readonly namespace: string; readonly labels: Labels }): readonly string[];
}

const NO_POLICIES: PolicyIndex = { resources: new Map(), bindingTo: () => [] };

export function derivePolicies(context: ClusterContext): PolicyIndex {
  if (!context.isLocal) return NO_POLICIES;
  const converted = context.objects.AuthorizationPolicy.flatMap((policy) => {
    const resource = convertAuthorization(context, policy);
    return resource ? [{ resource, selector: policy.spec.selector }] : [];
  });
  const peers = indexPeerAuthentications(context);
  const resources = [...converted.map(({ resource }) => resource), ...peers.resources];
  return {
    resources: new Map(resources.map((resource) => [resource.key, resource])),
    bindingTo(workload) {
      const selected = converted.filter(({ resource, selector }) => {
        // A selector in the root namespace reaches into all namespaces.
        const isInReach = resource.namespace === workload.namespace || resource.namespace === ROOT_NAMESPACE;
        return selector !== undefined && isInReach && selects(selector.matchLabels, workload.labels);
      });
      return [...selected.map(({ resource }) => resource.key), ...peers.bindingTo(workload)].sort();
    },
  };
}
