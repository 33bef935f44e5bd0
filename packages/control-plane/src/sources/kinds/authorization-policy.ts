/**
 * AuthorizationPolicy, security.istio.io. Every field of Istio's is read, so that the model can tell which rules a
 * layer-4 proxy cannot enforce; a field that is unknown even to Istio is an error, because an attribute nobody reads
 * makes a policy weaker than its author thinks.
 */
import {
  list,
  maybe,
  object,
  oneOf,
  optional,
  type Path,
  type Report,
  required,
  strictObject,
  string,
} from '../../schema/index.js';
import { cidrOrIp } from './blocks.js';
import { matchLabels, namespaced } from './meta.js';

const strings = optional(list(string()), []);
const blocks = optional(list(cidrOrIp), []);
const portText = string({
  type: 'port',
  test: (text) => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535,
  expected: 'a port from 1 to 65535, quoted',
});
const ports = optional(list(portText), []);

const source = strictObject(
  {
    principals: strings,
    notPrincipals: strings,
    requestPrincipals: strings,
    notRequestPrincipals: strings,
    namespaces: strings,
    notNamespaces: strings,
    serviceAccounts: strings,
    notServiceAccounts: strings,
    ipBlocks: blocks,
    notIpBlocks: blocks,
    remoteIpBlocks: blocks,
    notRemoteIpBlocks: blocks,
  },
  checkNotEmpty,
);

const operation = strictObject(
  {
    hosts: strings,
    notHosts: strings,
    ports,
    notPorts: ports,
    methods: strings,
    notMethods: strings,
    paths: strings,
    notPaths: strings,
  },
  checkNotEmpty,
);

const condition = strictObject(
  { key: required(string()), values: strings, notValues: strings },
  (value, path, report) => {
    if (value.values.length === 0 && value.notValues.length === 0)
      report(path, 'a condition needs values or notValues');
    checkConditionValues(value, path, report);
  },
);

const rule = strictObject({
  from: optional(list(strictObject({ source: required(source) })), []),
  to: optional(list(strictObject({ operation: required(operation) })), []),
  when: optional(list(condition), []),
});

const targetRef = object({ kind: required(string()), name: required(string()), group: optional(string(), '') });

const spec = strictObject({
  selector: maybe(matchLabels),
  targetRef: maybe(targetRef),
  targetRefs: optional(list(targetRef), []),
  action: optional(oneOf(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']), 'ALLOW'),
  provider: maybe(object({ name: required(string()) })),
  rules: optional(list(rule), []),
});

const EMPTY_SPEC = {
  selector: undefined,
  targetRef: undefined,
  targetRefs: [],
  action: 'ALLOW',
  provider: undefined,
  rules: [],
} as const;

export const authorizationPolicySchema = object({
  metadata: required(namespaced),
  // `spec: {}` is meaningful: allow nothing.
  spec: optional(spec, EMPTY_SPEC),
});

/** Would read as "anything", and in an ALLOW rule open the door. */
function checkNotEmpty(value: Readonly<Record<string, readonly string[]>>, path: Path, report: Report): void {
  const isEmpty = Object.values(value).every((values) => values.length === 0);
  if (isEmpty) report(path, 'names no attribute; leave it out to mean anything');
}

/** The values of conditions on addresses and ports are checked like the fields that mean the same. */
function checkConditionValues(
  { key, values, notValues }: { key: string; values: readonly string[]; notValues: readonly string[] },
  path: Path,
  report: Report,
): void {
  const schema = key === 'destination.port' ? portText : key.endsWith('.ip') ? cidrOrIp : undefined;
  if (!schema) return;
  values.forEach((value, index) => {
    schema.read(value, [...path, 'values', index], report);
  });
  notValues.forEach((value, index) => {
    schema.read(value, [...path, 'notValues', index], report);
  });
}
