/** Gateway, gateway.networking.k8s.io: waypoints, east-west gateways, and gateways of networks run elsewhere. */
import { dnsName, ip, list, maybe, object, oneOf, optional, port, required, string } from '../../schema/index.js';
import { namespaced } from './meta.js';

const listener = object({
  name: optional(string(), ''),
  port: required(port()),
  protocol: required(string()),
  tls: maybe(object({ mode: optional(oneOf(['Terminate', 'Passthrough']), 'Terminate') })),
});

const address = object(
  {
    type: optional(oneOf(['IPAddress', 'Hostname']), 'IPAddress'),
    value: required(string()),
  },
  ({ type, value }, path, report) => {
    const schema = type === 'IPAddress' ? ip : dnsName;
    schema.read(value, [...path, 'value'], report);
  },
);

const spec = object({
  gatewayClassName: required(string()),
  listeners: optional(list(listener), []),
  addresses: optional(list(address), []),
});

export const gatewaySchema = object({
  metadata: required(namespaced),
  spec: required(spec),
  status: optional(object({ addresses: optional(list(address), []) }), { addresses: [] }),
});
