/**
 * The part of Istio's MeshConfig that is understood: `serviceScopeConfigs`, which says what services a cluster exports.
 * Selectors are Kubernetes label selectors. Stricter than Istio, which drops a selector it cannot read with a warning: here
 * the configuration is refused, because nobody sees what is missing.
 */
import {
  type Infer,
  list,
  mapOf,
  maybe,
  oneOf,
  optional,
  type Path,
  type Report,
  required,
  type Schema,
  strictObject,
  string,
} from './schema/index.js';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

const expression = strictObject(
  {
    key: required(string()),
    operator: required(oneOf(OPERATORS)),
    values: optional(list(string()), []),
  },
  checkValues,
);

const labelSelector = strictObject({
  matchLabels: optional(mapOf(string()), {}, 'Labels with these values.'),
  matchExpressions: optional(list(expression), []),
});

export type LabelSelector = Infer<typeof labelSelector>;

/** Asks for nothing, and so selects everything. */
const EVERYTHING: LabelSelector = { matchLabels: {}, matchExpressions: [] };

const selectors = {
  namespaceSelector: optional(labelSelector, EVERYTHING, 'Labels of the namespace of a service, in its own cluster.'),
  servicesSelector: optional(labelSelector, EVERYTHING, 'Labels of the service.'),
};

const scopeConfig = strictObject({
  ...selectors,
  scope: optional(oneOf(['LOCAL', 'GLOBAL']), 'LOCAL', 'GLOBAL exports what both select; LOCAL says nothing.'),
  except: optional(
    list(strictObject(selectors)),
    [],
    'Of what the entry selects, this stays local, whatever other entries say. Not in Istio.',
  ),
});

export type ScopeConfig = Infer<typeof scopeConfig>;

/** One row of the reference: the page on the control plane says what stands in it. */
export const scopeConfigs: Schema<readonly ScopeConfig[]> = {
  type: 'list of ServiceScopeConfig',
  read: list(scopeConfig).read,
};

export function meshConfig(doc: string) {
  return strictObject({ serviceScopeConfigs: maybe(scopeConfigs, doc) });
}

/** What Istio's ambient profile has: services labelled `istio.io/global=true`. */
export const DEFAULT_SCOPE_CONFIGS: readonly ScopeConfig[] = [
  {
    namespaceSelector: EVERYTHING,
    servicesSelector: { matchLabels: { 'istio.io/global': 'true' }, matchExpressions: [] },
    scope: 'GLOBAL',
    except: [],
  },
];

/** As the API server has it: a set without values, or values where there is no set, is a slip. */
function checkValues(
  { operator, values }: { readonly operator: (typeof OPERATORS)[number]; readonly values: readonly string[] },
  path: Path,
  report: Report,
): void {
  const asksForValues = operator === 'In' || operator === 'NotIn';
  if (asksForValues && values.length === 0) report([...path, 'values'], `${operator} needs values`);
  if (!asksForValues && values.length > 0) report([...path, 'values'], `${operator} takes no values`);
}
