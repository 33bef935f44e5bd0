/** ServiceEntry, networking.istio.io: hosts the cluster's registry does not know, with their endpoints. */
import { ip, list, mapOf, maybe, object, oneOf, optional, port, required, string } from '../../schema/index.js';
import { cidrOrIp } from './blocks.js';
import { namespaced } from './meta.js';
import { workloadEntrySpec } from './workload-entry.js';

const host = string({
  type: 'hostname',
  test: (text) => text.length <= 253 && /^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/i.test(text),
  expected: 'a hostname',
});

const entryPort = object({
  number: required(port()),
  name: required(string()),
  protocol: optional(string(), ''),
  targetPort: maybe(port()),
});

const spec = object(
  {
    hosts: required(list(host)),
    addresses: optional(list(cidrOrIp), []),
    ports: optional(list(entryPort), []),
    resolution: optional(oneOf(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']), 'NONE'),
    location: optional(oneOf(['MESH_EXTERNAL', 'MESH_INTERNAL']), 'MESH_EXTERNAL'),
    endpoints: optional(list(object(workloadEntrySpec)), []),
    workloadSelector: maybe(object({ labels: optional(mapOf(string()), {}) })),
    subjectAltNames: optional(list(string()), []),
  },
  ({ endpoints, workloadSelector }, path, report) => {
    if (endpoints.length > 0 && workloadSelector) {
      report([...path, 'workloadSelector'], 'endpoints and workloadSelector exclude each other; keep one');
    }
  },
);

/** Istio's control plane gives hosts without addresses some, and writes them here. */
const givenAddress = object({ value: required(ip), host: optional(string(), '') });

export const serviceEntrySchema = object({
  metadata: required(namespaced),
  spec: required(spec),
  status: optional(object({ addresses: optional(list(givenAddress), []) }), { addresses: [] }),
});
