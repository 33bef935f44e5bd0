/** EndpointSlice, discovery.k8s.io/v1: endpoints of a Service that no selector finds. */
import { boolean, list, maybe, object, oneOf, optional, port, required, string } from '../../schema/index.js';
import { namespaced } from './meta.js';
import { transportProtocol } from './service.js';

const endpoint = object({
  addresses: required(list(string())),
  conditions: optional(object({ ready: optional(boolean(), true) }), { ready: true }),
  nodeName: optional(string(), ''),
  targetRef: maybe(object({ kind: optional(string(), ''), name: optional(string(), '') })),
});

const slicePort = object({
  name: optional(string(), ''),
  port: maybe(port()),
  protocol: optional(transportProtocol, 'TCP'),
});

export const endpointSliceSchema = object({
  metadata: required(namespaced),
  addressType: required(oneOf(['IPv4', 'IPv6', 'FQDN'])),
  endpoints: optional(list(endpoint), []),
  ports: optional(list(slicePort), []),
});
