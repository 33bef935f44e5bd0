/** Service, core/v1. */
import { isIP } from 'node:net';
import {
  boolean,
  byType,
  ip,
  list,
  mapOf,
  maybe,
  object,
  oneOf,
  optional,
  type Path,
  port,
  type Report,
  required,
  string,
} from '../../schema/index.js';
import { namespaced } from './meta.js';

export const transportProtocol = oneOf(['TCP', 'UDP', 'SCTP']);

const clusterIp = string({
  type: 'IP address | None',
  // The empty string is what the API server shows for a Service that was not given an address yet.
  test: (text) => text === 'None' || text === '' || isIP(text) !== 0,
  expected: 'an IP address, or None for a headless Service',
});

const servicePort = object({
  name: optional(string(), ''),
  port: required(port()),
  protocol: optional(transportProtocol, 'TCP'),
  targetPort: maybe(byType(port(), string())),
  appProtocol: maybe(string()),
});

const spec = object(
  {
    type: optional(oneOf(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']), 'ClusterIP'),
    clusterIP: optional(clusterIp, ''),
    clusterIPs: optional(list(clusterIp), []),
    externalIPs: optional(list(ip), []),
    ipFamilies: optional(list(oneOf(['IPv4', 'IPv6'])), []),
    selector: optional(mapOf(string()), {}),
    ports: optional(list(servicePort), []),
    publishNotReadyAddresses: optional(boolean(), false),
    internalTrafficPolicy: optional(oneOf(['Cluster', 'Local']), 'Cluster'),
    trafficDistribution: maybe(oneOf(['PreferClose', 'PreferSameZone', 'PreferSameNode'])),
  },
  ({ ports }, path, report) => checkPortsUnique(ports, [...path, 'ports'], report),
);

const ingress = object({ ip: maybe(ip), hostname: maybe(string()) });
const status = object({
  loadBalancer: optional(object({ ingress: optional(list(ingress), []) }), { ingress: [] }),
});

export const serviceSchema = object({
  metadata: required(namespaced),
  spec: required(spec),
  status: optional(status, { loadBalancer: { ingress: [] } }),
});

function checkPortsUnique(ports: readonly { port: number; protocol: string }[], path: Path, report: Report): void {
  const seen = new Map<string, number>();
  ports.forEach(({ port, protocol }, index) => {
    const key = `${protocol} ${port}`;
    const first = seen.get(key);
    if (first !== undefined) report([...path, index, 'port'], `${key} is listed already by ports[${first}]`);
    else seen.set(key, index);
  });
}
