/** A service of a local file, and the endpoints it lists besides those that name it themselves. */
import type { LoadBalancing, NetworkAddress, Service, ServicePort, WeightedWaypoint } from '../model.js';
import { Fields, flag, type Item, listOf, mapOf, text, whole, word } from './fields.js';
import { block, gateway, networkAddress, ports } from './parts.js';

/** Usually workloads say which services they are in; a service may say it for them. */
export interface ListedEndpoint {
  readonly workloadUid: string;
  readonly ports: readonly ServicePort[];
}

export interface LocalService {
  readonly service: Service;
  readonly endpoints: readonly ListedEndpoint[];
}

const SCOPE = {
  Region: 'region',
  Zone: 'zone',
  Subzone: 'subzone',
  Node: 'node',
  Cluster: 'cluster',
  Network: 'network',
} as const;
const MODE = { Standard: 'standard', Strict: 'strict', Failover: 'failover', Passthrough: 'passthrough' } as const;
const HEALTH_POLICY = { OnlyHealthy: 'only-healthy', AllowAll: 'allow-all' } as const;
const FAMILIES = { Dual: 'dual', IPv4: 'ipv4', IPv6: 'ipv6', Automatic: 'automatic' } as const;
const VISIBILITY = { Public: 'public', Namespace: 'namespace' } as const;
const STATUS = { Healthy: true, Unhealthy: false } as const;
const MAX_U32 = 2 ** 32 - 1;

export const service: Item<LocalService> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const namespace = fields.required('namespace', text, '');
  const hostname = fields.required('hostname', text, '');
  const vips = fields.required('vips', listOf(networkAddress), []);
  const blocks = fields.optional('cidrVips', listOf(cidrVip)) ?? [];
  const weightedWaypoints = fields.optional('weightedWaypoints', listOf(weighted));
  // As on xDS: whoever looks at `waypoint` alone must not come to believe that there is none.
  const waypoint = fields.optional('waypoint', gateway) ?? heaviest(weightedWaypoints ?? []);
  const loadBalancing = fields.optional('loadBalancer', balancing);
  const read: Service = {
    key: `${namespace}/${hostname}`,
    name: fields.required('name', text, ''),
    namespace,
    hostname,
    addresses: [...vips, ...blocks],
    ports: fields.required('ports', ports, []),
    subjectAltNames: fields.optional('subjectAltNames', listOf(text)) ?? [],
    ipFamilies: fields.optional('ipFamilies', word(FAMILIES)) ?? 'automatic',
    canonical: fields.optional('canonical', flag) ?? false,
    ingressUseWaypoint: fields.optional('ingressUseWaypoint', flag) ?? false,
    visibility: fields.optional('visibility', word(VISIBILITY)) ?? 'public',
    ...(waypoint && { waypoint }),
    ...(weightedWaypoints && weightedWaypoints.length > 0 && { weightedWaypoints }),
    ...(loadBalancing && { loadBalancing }),
  };
  const endpoints = (fields.optional('endpoints', mapOf(endpoint)) ?? []).map(([, each]) => each);
  fields.done();
  return { service: read, endpoints };
};

const cidrVip: Item<NetworkAddress> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const network = fields.required('network', text, '');
  const { ip, length } = fields.required('cidr', block, { ip: '', length: 0 });
  fields.done();
  // A block of one address is that address.
  return length === (ip.includes(':') ? 128 : 32) ? { network, ip } : { network, ip, length };
};

const weighted: Item<WeightedWaypoint> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const destination = fields.required('destination', gateway, {
    destination: { kind: 'hostname', name: { namespace: '', hostname: '' } },
    hboneMtlsPort: 0,
  });
  const weight = fields.required('weight', whole(0, MAX_U32), 0);
  fields.done();
  return { destination, weight };
};

function heaviest(waypoints: readonly WeightedWaypoint[]): WeightedWaypoint['destination'] | undefined {
  const [best] = [...waypoints].sort((a, b) => b.weight - a.weight);
  return best && best.weight > 0 ? best.destination : undefined;
}

const balancing: Item<LoadBalancing> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const read = {
    mode: fields.required('mode', word(MODE), 'standard'),
    routingPreference: fields.required('routingPreferences', listOf(word(SCOPE)), []),
    healthPolicy: fields.required('healthPolicy', word(HEALTH_POLICY), 'only-healthy'),
  };
  fields.done();
  return read;
};

const endpoint: Item<ListedEndpoint> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const read = {
    workloadUid: fields.required('workloadUid', text, ''),
    ports: fields.required('port', ports, []),
  };
  // The workload's own status decides; ztunnel writes this one in its dumps.
  fields.optional('status', word(STATUS));
  fields.done();
  return read;
};
