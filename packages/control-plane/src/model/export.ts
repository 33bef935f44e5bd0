/**
 * Whether a cluster exports a service: by its labels and those of its namespace, as the cluster's own `serviceScopeConfigs`
 * have it. Entries only ever add, as in Istio; what an entry selects and excepts is taken from all of them, so that their
 * order does not matter and doubt keeps a service at home.
 */
import type { LabelSelector, ScopeConfig } from '../mesh-config.js';
import { type Labels, selects } from './labels.js';

export type ServiceScope = 'local' | 'global';

type Expression = LabelSelector['matchExpressions'][number];
type Selectors = Pick<ScopeConfig, 'namespaceSelector' | 'servicesSelector'>;

export interface ScopeVerdict {
  readonly scope: ServiceScope;
  /** Index of the first entry that exports it, and of the first of those that except it. */
  readonly selectedBy?: number;
  readonly exceptedBy?: number;
}

export function scopeBy(configs: readonly ScopeConfig[], namespace: Labels, service: Labels): ServiceScope {
  return judgeScope(configs, namespace, service).scope;
}

/** The same with what it rests on. */
export function judgeScope(configs: readonly ScopeConfig[], namespace: Labels, service: Labels): ScopeVerdict {
  const isSelected = ({ namespaceSelector, servicesSelector }: Selectors) =>
    matchesLabels(namespaceSelector, namespace) && matchesLabels(servicesSelector, service);
  const isExporting = (config: ScopeConfig) => config.scope === 'GLOBAL' && isSelected(config);
  const selectedBy = configs.findIndex(isExporting);
  if (selectedBy < 0) return { scope: 'local' };
  const exceptedBy = configs.findIndex((config) => isExporting(config) && config.except.some(isSelected));
  return exceptedBy < 0 ? { scope: 'global', selectedBy } : { scope: 'local', selectedBy, exceptedBy };
}

/** Kubernetes' label selector: everything it asks for holds. */
function matchesLabels({ matchLabels, matchExpressions }: LabelSelector, labels: Labels): boolean {
  return (
    selects(matchLabels, labels) &&
    matchExpressions.every((expression) => HOLDS[expression.operator](expression, labels))
  );
}

/** A label that is not there is not in any set, so `NotIn` holds of it; as in Kubernetes. */
const HOLDS: Readonly<Record<Expression['operator'], (expression: Expression, labels: Labels) => boolean>> = {
  In: ({ key, values }, labels) => values.includes(labels[key] ?? '') && Object.hasOwn(labels, key),
  NotIn: ({ key, values }, labels) => !Object.hasOwn(labels, key) || !values.includes(labels[key] ?? ''),
  Exists: ({ key }, labels) => Object.hasOwn(labels, key),
  DoesNotExist: ({ key }, labels) => !Object.hasOwn(labels, key),
};
