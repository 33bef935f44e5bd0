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
  string,
} from '../../schema/index.js';

const ownerReference = object({
  kind: required(string()),
  name: required(string()),
  controller: optional(boolean(), false),
});

const common = {
  name: required(dnsName),
  labels: optional(mapOf(string()), {}),
  annotations: optional(mapOf(string()), {}),
  ownerReferences: optional(list(ownerReference), []),
  creationTimestamp: maybe(string()),
  deletionTimestamp: maybe(string()),
};

/** Of objects that live in a namespace; `default` when none is given, as kubectl does. */
export const namespaced = object({ ...common, namespace: optional(dnsName, 'default') });
/** Of objects of the whole cluster: their namespace is empty. */
export const clusterWide = object({
  ...common,
  namespace: optional(string({ type: 'nothing', test: (text) => text === '', expected: 'no namespace' }), ''),
});
export type Metadata = Infer<typeof namespaced>;

export const matchLabels = object({ matchLabels: optional(mapOf(string()), {}) });
export const networkName = identifier;
