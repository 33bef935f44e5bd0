/** What the derivations of one namespace share: the frame of its cluster, its objects, and where to put warnings. */
import type { Problem } from '../schema/index.js';
import type { KubeObject, ObjectsByKind } from '../sources/index.js';
import { type ServiceScope, scopeBy } from './export.js';
import type { Frame } from './frame.js';
import type { Labels } from './labels.js';

export interface NamespaceContext extends Omit<Frame, 'problems' | 'basis' | 'nodeLabels'> {
  readonly namespace: string;
  /** Of the namespace only. */
  readonly objects: ObjectsByKind;
  readonly namespaceLabels: Labels;
  nodeLabels(node: string): Labels;
  serviceHostname(name: string, namespace: string): string;
  /** Of a service with those labels. */
  scopeOf(labels: Labels): ServiceScope;
  warn(object: KubeObject, path: string, message: string): void;
  readonly problems: readonly Problem[];
}

const NO_LABELS: Labels = {};

export function createContext(frame: Frame, namespace: string, objects: ObjectsByKind): NamespaceContext {
  const problems: Problem[] = [];
  const namespaceLabels = objects.Namespace[0]?.metadata.labels ?? NO_LABELS;
  return {
    ...frame,
    namespace,
    objects,
    namespaceLabels,
    nodeLabels: (node) => frame.nodeLabels.get(node) ?? NO_LABELS,
    serviceHostname: (name, where) => `${name}.${where}.svc.${frame.clusterDomain}`,
    scopeOf: (labels) => scopeBy(frame.scopeConfigs, namespaceLabels, labels),
    warn({ origin }, path, message) {
      problems.push({ severity: 'warning', ...origin, path, message });
    },
    problems,
  };
}
