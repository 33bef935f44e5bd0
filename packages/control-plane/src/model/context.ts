/** What the derivations of one cluster share: its names, labels of namespaces and nodes, and where to put warnings. */

import type { Problem } from '../schema/index.js';
import type { KubeObject, ObjectsByKind } from '../sources/index.js';
import { LABEL, type Labels, ROOT_NAMESPACE } from './labels.js';

export interface ClusterInput {
  readonly id: string;
  /** From the configuration, empty when there is none; the label of the root namespace prevails. */
  readonly network: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  /** Whether proxies of this cluster are served; only then are its policies of use. */
  readonly isLocal: boolean;
  readonly objects: ObjectsByKind;
}

export interface ClusterContext extends ClusterInput {
  namespaceLabels(namespace: string): Labels;
  nodeLabels(node: string): Labels;
  serviceHostname(name: string, namespace: string): string;
  warn(object: KubeObject, path: string, message: string): void;
  readonly problems: readonly Problem[];
}

export function createContext(input: ClusterInput): ClusterContext {
  const { objects, clusterDomain } = input;
  const problems: Problem[] = [];
  const namespaces = labelsByName(objects.Namespace);
  const nodes = labelsByName(objects.Node);
  const warn = ({ origin }: KubeObject, path: string, message: string) => {
    problems.push({ severity: 'warning', ...origin, path, message });
  };
  return {
    ...input,
    network: resolveNetwork(input, warn),
    namespaceLabels: (namespace) => namespaces.get(namespace) ?? {},
    nodeLabels: (node) => nodes.get(node) ?? {},
    serviceHostname: (name, namespace) => `${name}.${namespace}.svc.${clusterDomain}`,
    warn,
    problems,
  };
}

function labelsByName(objects: readonly KubeObject<'Namespace' | 'Node'>[]): ReadonlyMap<string, Labels> {
  return new Map(objects.map(({ metadata }) => [metadata.name, metadata.labels]));
}

/** The cluster's own objects know best in which network they are; a configuration that differs is told. */
function resolveNetwork({ id, network, objects }: ClusterInput, warn: ClusterContext['warn']): string {
  const root = objects.Namespace.find(({ metadata }) => metadata.name === ROOT_NAMESPACE);
  const label = root?.metadata.labels[LABEL.network];
  if (!root || label === undefined) return network;
  if (network !== '' && label !== network) {
    const message = `says ${label} but the configuration of cluster ${id} says ${network}; the label is used, make them agree`;
    warn(root, `metadata.labels["${LABEL.network}"]`, message);
  }
  return label;
}
