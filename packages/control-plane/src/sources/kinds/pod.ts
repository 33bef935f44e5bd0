/** Pod, core/v1: where it runs, as whom, on which addresses, and whether it is ready. */
import {
  boolean,
  ip,
  list,
  maybe,
  object,
  oneOf,
  optional,
  port,
  required,
  shared,
  string,
} from '../../schema/index.js';
import { namespaced } from './meta.js';
import { transportProtocol } from './service.js';

const container = object({
  ports: optional(
    list(
      object({
        name: optional(string(), ''),
        containerPort: required(port()),
        protocol: optional(transportProtocol, 'TCP'),
      }),
    ),
    [],
  ),
});

const spec = object({
  nodeName: optional(shared(string()), ''),
  serviceAccountName: optional(shared(string()), 'default'),
  hostNetwork: optional(boolean(), false),
  /** With `subdomain`, the name of a headless Service, it makes the pod's own DNS name. */
  hostname: optional(string(), ''),
  subdomain: optional(shared(string()), ''),
  containers: optional(shared(list(container)), []),
});

const EMPTY_SPEC = {
  nodeName: '',
  serviceAccountName: 'default',
  hostNetwork: false,
  hostname: '',
  subdomain: '',
  containers: [],
} as const;

const condition = object({ type: required(string()), status: required(oneOf(['True', 'False', 'Unknown'])) });

const status = object({
  phase: maybe(oneOf(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'])),
  podIP: maybe(ip),
  podIPs: optional(list(object({ ip: required(ip) })), []),
  conditions: optional(shared(list(condition)), []),
});

export const podSchema = object(
  {
    metadata: required(namespaced),
    spec: optional(spec, EMPTY_SPEC),
    status: optional(status, { phase: undefined, podIP: undefined, podIPs: [], conditions: [] }),
  },
  ({ status: { phase, podIP, conditions } }, path, report) => {
    if (phase === 'Succeeded' || phase === 'Failed') return;
    if (podIP === undefined) {
      report([...path, 'status', 'podIP'], 'is missing: the pod is left out until it has an address', 'warning');
    } else if (!conditions.some(({ type }) => type === 'Ready')) {
      const message = 'has no condition of type Ready: the pod counts as not ready and gets no service traffic';
      report([...path, 'status', 'conditions'], message, 'warning');
    }
  },
);
