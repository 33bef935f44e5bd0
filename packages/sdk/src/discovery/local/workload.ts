/**
 * A workload of a local file. Defaults are those of xDS rather than ztunnel's empty texts, which make certificates of no
 * trust domain (`spiffe:///ns/…`).
 */
import { WORKLOAD_TYPES, type WorkloadType } from '../../wire/workload-type.js';
import { DEFAULT_CLUSTER_ID, DEFAULT_SERVICE_ACCOUNT, DEFAULT_TRUST_DOMAIN } from '../decode/workload.js';
import type { Locality, Workload } from '../model.js';
import { address, Fields, flag, type Item, listOf, mapOf, port, text, whole, word } from './fields.js';
import { gateway, ports } from './parts.js';

const PROTOCOL = { TCP: 'none', HBONE: 'hbone' } as const;
const NETWORK_MODE = { Standard: 'standard', HostNetwork: 'host' } as const;
const STATUS = { Healthy: true, Unhealthy: false } as const;
const TUNNEL_PROTOCOL = { NONE: 'none', PROXY: 'proxy' } as const;
const MAX_U32 = 2 ** 32 - 1;

export const workload: Item<Workload> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const string = (name: string, fallback = '') => fields.optional(name, text) || fallback;
  const name = string('name');
  const namespace = fields.required('namespace', text, '');
  const clusterId = string('clusterId', DEFAULT_CLUSTER_ID);
  const uid = string('uid', name && `${clusterId}//Pod/${namespace}/${name}`);
  if (uid === '') problems.add(path, 'neither uid nor name is set, and one of them has to tell it from the others');
  const waypoint = fields.optional('waypoint', gateway);
  const networkGateway = fields.optional('networkGateway', gateway);
  const applicationTunnel = fields.optional('applicationTunnel', tunnel);
  const read: Workload = {
    uid,
    name,
    namespace,
    clusterId,
    addresses: fields.required('workloadIps', listOf(address), []),
    hostname: string('hostname'),
    network: string('network'),
    trustDomain: string('trustDomain', DEFAULT_TRUST_DOMAIN),
    serviceAccount: string('serviceAccount', DEFAULT_SERVICE_ACCOUNT),
    node: string('node'),
    canonicalName: string('canonicalName'),
    canonicalRevision: string('canonicalRevision'),
    workloadName: string('workloadName'),
    workloadType: fields.optional('workloadType', word(TYPES)) ?? 'deployment',
    locality: fields.optional('locality', locality) ?? NOWHERE,
    tunnelProtocol: fields.optional('protocol', word(PROTOCOL)) ?? 'none',
    nativeTunnel: fields.optional('nativeTunnel', flag) ?? false,
    networkMode: fields.optional('networkMode', word(NETWORK_MODE)) ?? 'standard',
    healthy: fields.optional('status', word(STATUS)) ?? true,
    capacity: fields.optional('capacity', whole(0, MAX_U32)) ?? 1,
    authorizationPolicies: fields.optional('authorizationPolicies', listOf(text)) ?? [],
    services: new Map(fields.required('services', mapOf(ports), [])),
    ...(waypoint && { waypoint }),
    ...(networkGateway && { networkGateway }),
    ...(applicationTunnel && { applicationTunnel }),
  };
  for (const key of read.services.keys()) {
    if (!key.includes('/')) problems.add(`${path}.services["${key}"]`, 'not of the form namespace/hostname');
  }
  fields.done();
  return read;
};

const NOWHERE: Locality = { region: '', zone: '', subzone: '' };

const locality: Item<Locality> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const string = (name: string) => fields.required(name, text, '');
  const read = { region: string('region'), zone: string('zone'), subzone: string('subzone') };
  fields.done();
  return read;
};

const tunnel: Item<NonNullable<Workload['applicationTunnel']>> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const read = {
    protocol: fields.optional('protocol', word(TUNNEL_PROTOCOL)) ?? ('none' as const),
    port: fields.optional('port', port) ?? 0,
  };
  fields.done();
  return read;
};

/** As on the wire, in lower case. */
const TYPES = Object.fromEntries(WORKLOAD_TYPES.map((type) => [type, type])) as Readonly<Record<string, WorkloadType>>;
