/**
 * What all namespaces of a cluster have in common. Deriving one namespace takes its own objects and this, nothing else;
 * so while neither changes, what was derived stands.
 */
import { DEFAULT_SCOPE_CONFIGS, type ScopeConfig } from '../mesh-config.js';
import type { Problem } from '../schema/index.js';
import { type KubeObject, NO_OBJECTS, type ObjectsByKind, type ObjectsByNamespace } from '../sources/index.js';
import { type GatewayIndex, type GatewayParts, gatewayParts, indexGateways } from './gateway-index.js';
import { LABEL, type Labels, ROOT_NAMESPACE } from './labels.js';
import { type MeshPolicies, meshPolicies } from './policies/mesh.js';

export interface ClusterInput {
  readonly id: string;
  /** From the configuration, empty when there is none; the label of the root namespace prevails. */
  readonly network: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  /** Whether proxies of this cluster are served; only then are its policies of use. */
  readonly isLocal: boolean;
  /** The cluster's own; what it exports is for nobody else to say. Default: Istio's label. */
  readonly scopeConfigs?: readonly ScopeConfig[] | undefined;
  readonly objects: ObjectsByNamespace;
}

export interface Frame extends Omit<ClusterInput, 'objects' | 'scopeConfigs'> {
  readonly scopeConfigs: readonly ScopeConfig[];
  readonly nodeLabels: ReadonlyMap<string, Labels>;
  readonly gateways: GatewayIndex;
  readonly policies: MeshPolicies;
  readonly problems: readonly Problem[];
  /** All that it was made from; equal parts make an equal frame. */
  readonly basis: readonly unknown[];
}

/** The previous one, itself, when nothing that it was made from has changed. */
export function deriveFrame(input: ClusterInput, previous?: Frame): Frame {
  const { objects, scopeConfigs = DEFAULT_SCOPE_CONFIGS, ...ids } = input;
  const root = objects.get(ROOT_NAMESPACE) ?? NO_OBJECTS;
  const nodes = objects.get('')?.Node ?? [];
  const parts = gatewayParts(objects);
  const basis = [...Object.values(ids), scopeConfigs, ...basisOf(root, nodes, parts)];
  if (previous && isSameBasis(previous.basis, basis)) return previous;
  const { network, problems } = resolveNetwork(input, root);
  return {
    ...ids,
    scopeConfigs,
    network,
    nodeLabels: new Map(nodes.map(({ metadata }) => [metadata.name, metadata.labels])),
    gateways: indexGateways(parts),
    policies: meshPolicies(root),
    problems,
    basis,
  };
}

function basisOf(root: ObjectsByKind, nodes: readonly object[], parts: GatewayParts): readonly object[] {
  const { Namespace, AuthorizationPolicy, PeerAuthentication } = root;
  return [...Namespace, ...AuthorizationPolicy, ...PeerAuthentication, ...nodes, ...parts.gateways, ...parts.services];
}

export function isSameBasis(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/** The cluster's own objects know best in which network they are; a configuration that differs is told. */
function resolveNetwork(
  { id, network }: ClusterInput,
  root: ObjectsByKind,
): { readonly network: string; readonly problems: readonly Problem[] } {
  const [namespace]: readonly KubeObject<'Namespace'>[] = root.Namespace;
  const label = namespace?.metadata.labels[LABEL.network];
  if (!namespace || label === undefined) return { network, problems: [] };
  if (network === '' || label === network) return { network: label, problems: [] };
  const path = `metadata.labels["${LABEL.network}"]`;
  const message = `says ${label} but the configuration of cluster ${id} says ${network}; the label is used, make them agree`;
  return { network: label, problems: [{ severity: 'warning', ...namespace.origin, path, message }] };
}
