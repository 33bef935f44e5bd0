/**
 * PeerAuthentication as DENY policies: STRICT means that a connection without a verified identity is refused. The
 * narrowest wins: a policy with a matching selector, then the namespace's, then the mesh's; of several, the oldest.
 * DISABLE is PERMISSIVE here, because nobody makes a mesh client speak plaintext.
 */
import type { Authorization, PolicyMatch } from '@isthmus/sdk/discovery';
import type { KubeObject, MutualTlsMode } from '../../sources/index.js';
import type { NamespaceContext } from '../context.js';
import { type Labels, ROOT_NAMESPACE, selects } from '../labels.js';
import { match } from './match.js';
import { byAge, modeOf } from './mesh.js';

type Policy = KubeObject<'PeerAuthentication'>;
type Rules = Authorization['rules'];

export interface PeerAuthenticationIndex {
  readonly resources: readonly Authorization[];
  /** Keys of the DENY policies that bind a workload of the namespace; at most one. */
  bindingTo(labels: Labels): readonly string[];
}

const STATIC_NAME = 'istio_converted_static_strict';
const NO_IDENTITY: PolicyMatch = match({ notPrincipals: [{ kind: 'presence' }] });

/** Refuses whoever proves no identity; the whole mesh shares it. */
const STATIC_STRICT: Authorization = denyPolicy(ROOT_NAMESPACE, STATIC_NAME, [[[NO_IDENTITY]]]);

export function indexPeerAuthentications(context: NamespaceContext): PeerAuthenticationIndex {
  const { PeerAuthentication: policies } = context.objects;
  const namespaceMode = modeOf(policies, context.policies.mutualTls);
  const selective = [...policies]
    .sort(byAge)
    .filter(({ spec }) => spec.selector)
    .map((policy) => ({ policy, binding: convertSelective(policy, namespaceMode) }));
  const converted = selective.flatMap(({ binding }) => binding ?? []).filter((binding) => binding !== STATIC_STRICT);

  return {
    resources: policies.length > 0 ? [STATIC_STRICT, ...converted] : [],
    bindingTo(labels) {
      const own = selective.find(({ policy }) => selects(policy.spec.selector?.matchLabels ?? {}, labels));
      const binding = own ? own.binding : strictWhen(namespaceMode);
      return binding ? [binding.key] : [];
    },
  };
}

function strictWhen(mode: MutualTlsMode): Authorization | undefined {
  return mode === 'STRICT' ? STATIC_STRICT : undefined;
}

/** The policy for workloads that a selector finds; undefined when everything is permitted. */
function convertSelective({ metadata, spec }: Policy, inherited: MutualTlsMode): Authorization | undefined {
  const mode = spec.mtls.mode === 'UNSET' ? inherited : spec.mtls.mode;
  const ports = Object.entries(spec.portLevelMtls).map(([port, row]) => {
    return { port: Number(port), isStrict: (row.mode === 'UNSET' ? mode : row.mode) === 'STRICT' };
  });
  const exceptions = ports
    .filter(({ isStrict }) => isStrict !== (mode === 'STRICT'))
    .map(({ port }) => port)
    .sort((a, b) => a - b);
  if (exceptions.length === 0) return strictWhen(mode);
  const rules: Rules =
    mode === 'STRICT'
      ? [[[NO_IDENTITY], ...exceptions.map((port) => [match({ notDestinationPorts: [port] })])]]
      : exceptions.map((port) => [[match({ ...NO_IDENTITY, destinationPorts: [port] })]]);
  return denyPolicy(metadata.namespace, `converted_peer_authentication_${metadata.name}`, rules);
}

function denyPolicy(namespace: string, name: string, rules: Rules): Authorization {
  return {
    key: `${namespace}/${name}`,
    name,
    namespace,
    scope: 'workload-selector',
    action: 'deny',
    rules,
    dryRun: false,
  };
}
