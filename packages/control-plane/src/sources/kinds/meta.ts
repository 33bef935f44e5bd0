/** Metadata of objects, and the small shapes several kinds share. */
import {
  boolean,
  dnsName,
  type Infer,
  identifier,
  list,
  mapOf,
  maybe,
  object,
  optional,
  required,
  shared,
  string,
} from '../../schema/index.js';

/** What the API server takes; no `/`, because values become parts of xDS names. */
const labelValue = string({
  type: 'label value',
  test: (text) => text.length <= 63 && /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/.test(text),
  expected: 'a label value: at most 63 letters, digits, "-", "_" and "."',
});
export const labels = shared(mapOf(labelValue));

const ownerReference = object({
  kind: required(string()),
  name: required(string()),
  controller: optional(boolean(), false),
});

const common = {
  name: required(dnsName),
  labels: optional(labels, {}),
  annotations: optional(mapOf(string()), {}),
  ownerReferences: optional(shared(list(ownerReference)), []),
  creationTimestamp: maybe(string()),
  deletionTimestamp: maybe(string()),
};

/** Of objects that live in a namespace; `default` when none is given, as kubectl does. */
export const namespaced = object({ ...common, namespace: optional(shared(dnsName), 'default') });
/** Of objects of the whole cluster: their namespace is empty. */
export const clusterWide = object({
  ...common,
  namespace: optional(string({ type: 'nothing', test: (text) => text === '', expected: 'no namespace' }), ''),
});
export type Metadata = Infer<typeof namespaced>;

export const matchLabels = object({ matchLabels: optional(labels, {}) });
export const networkName = identifier;
