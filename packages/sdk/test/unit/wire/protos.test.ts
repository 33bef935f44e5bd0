/**
 * The wire contract with Istio: numbers of fields and enum values, and the kind of each field. Names of messages are not
 * on the wire; the numbers are all there is, so they are written out here a second time.
 */
import type { DescEnum, DescMessage } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { authorizationPb, citadelPb, discoveryPb, workloadPb } from '../../../src/wire/index.js';

type Contract = Record<string, string>;

/** `number kind`, kind being the scalar, message or enum, with `[]` and `{}` for lists and maps. */
function contractOf(desc: DescMessage): Contract {
  return Object.fromEntries(desc.fields.map((field) => [field.name, `${field.number} ${kindOf(field)}`]));
}

function kindOf(field: DescMessage['fields'][number]): string {
  const type = field.message?.name ?? field.enum?.name ?? scalarName(field.scalar ?? 0);
  if (field.fieldKind === 'list') return `${type}[]`;
  return field.fieldKind === 'map' ? `${type}{}` : type;
}

function scalarName(scalar: number): string {
  const names: Record<number, string> = { 3: 'int64', 5: 'int32', 8: 'bool', 9: 'string', 12: 'bytes', 13: 'uint32' };
  return names[scalar] ?? `scalar ${scalar}`;
}

const messages: readonly (readonly [DescMessage, Contract])[] = [
  [workloadPb.AddressSchema, { workload: '1 Workload', service: '2 Service' }],
  [
    workloadPb.ServiceSchema,
    {
      name: '1 string',
      namespace: '2 string',
      hostname: '3 string',
      addresses: '4 NetworkAddress[]',
      ports: '5 Port[]',
      subject_alt_names: '6 string[]',
      waypoint: '7 GatewayAddress',
      load_balancing: '8 LoadBalancing',
      ip_families: '9 IPFamilies',
      extensions: '10 Extension[]',
      canonical: '11 bool',
      ingress_use_waypoint: '12 bool',
      weighted_waypoints: '13 WeightedWaypoint[]',
      visibility: '14 Visibility',
    },
  ],
  [
    workloadPb.LoadBalancingSchema,
    { routing_preference: '1 Scope[]', mode: '2 Mode', health_policy: '3 HealthPolicy' },
  ],
  [
    workloadPb.WorkloadSchema,
    {
      name: '1 string',
      namespace: '2 string',
      addresses: '3 bytes[]',
      network: '4 string',
      tunnel_protocol: '5 TunnelProtocol',
      trust_domain: '6 string',
      service_account: '7 string',
      waypoint: '8 GatewayAddress',
      node: '9 string',
      canonical_name: '10 string',
      canonical_revision: '11 string',
      workload_type: '12 WorkloadType',
      workload_name: '13 string',
      native_tunnel: '14 bool',
      authorization_policies: '16 string[]',
      status: '17 WorkloadStatus',
      cluster_id: '18 string',
      network_gateway: '19 GatewayAddress',
      uid: '20 string',
      hostname: '21 string',
      services: '22 PortList{}',
      application_tunnel: '23 ApplicationTunnel',
      locality: '24 Locality',
      network_mode: '25 NetworkMode',
      extensions: '26 Extension[]',
      capacity: '27 UInt32Value',
    },
  ],
  [workloadPb.LocalitySchema, { region: '1 string', zone: '2 string', subzone: '3 string' }],
  [workloadPb.PortListSchema, { ports: '1 Port[]' }],
  [workloadPb.PortSchema, { service_port: '1 uint32', target_port: '2 uint32', app_protocol: '3 AppProtocol' }],
  [workloadPb.ApplicationTunnelSchema, { protocol: '1 Protocol', port: '2 uint32' }],
  [
    workloadPb.GatewayAddressSchema,
    { hostname: '1 NamespacedHostname', address: '2 NetworkAddress', hbone_mtls_port: '3 uint32' },
  ],
  [workloadPb.WeightedWaypointSchema, { destination: '1 GatewayAddress', weight: '2 uint32' }],
  [workloadPb.NetworkAddressSchema, { network: '1 string', address: '2 bytes', length: '3 uint32' }],
  [workloadPb.NamespacedHostnameSchema, { namespace: '1 string', hostname: '2 string' }],
  [workloadPb.ExtensionSchema, { name: '1 string', config: '2 Any' }],
  [
    authorizationPb.AuthorizationSchema,
    {
      name: '1 string',
      namespace: '2 string',
      scope: '3 Scope',
      action: '4 Action',
      rules: '5 Rule[]',
      dry_run: '6 bool',
      extensions: '7 Extension[]',
    },
  ],
  [authorizationPb.RuleSchema, { clauses: '1 Clause[]' }],
  [authorizationPb.ClauseSchema, { matches: '2 Match[]' }],
  [
    authorizationPb.MatchSchema,
    {
      namespaces: '1 StringMatch[]',
      not_namespaces: '2 StringMatch[]',
      principals: '3 StringMatch[]',
      not_principals: '4 StringMatch[]',
      source_ips: '5 Address[]',
      not_source_ips: '6 Address[]',
      destination_ips: '7 Address[]',
      not_destination_ips: '8 Address[]',
      destination_ports: '9 uint32[]',
      not_destination_ports: '10 uint32[]',
      service_accounts: '11 ServiceAccountMatch[]',
      not_service_accounts: '12 ServiceAccountMatch[]',
      extensions: '13 Extension[]',
    },
  ],
  [authorizationPb.AddressSchema, { address: '1 bytes', length: '2 uint32' }],
  [authorizationPb.ServiceAccountMatchSchema, { namespace: '1 string', service_account: '2 string' }],
  [
    authorizationPb.StringMatchSchema,
    { exact: '1 string', prefix: '2 string', suffix: '3 string', presence: '4 Empty' },
  ],
  [citadelPb.IstioCertificateRequestSchema, { csr: '1 string', validity_duration: '3 int64', metadata: '4 Struct' }],
  [citadelPb.IstioCertificateResponseSchema, { cert_chain: '1 string[]' }],
  [discoveryPb.StatusSchema, { code: '1 int32', message: '2 string', details: '3 Any[]' }],
  [
    discoveryPb.NodeSchema,
    {
      id: '1 string',
      cluster: '2 string',
      metadata: '3 Struct',
      locality: '4 Locality',
      user_agent_name: '6 string',
      user_agent_version: '7 string',
      user_agent_build_version: '8 BuildVersion',
    },
  ],
  [discoveryPb.BuildVersionSchema, { version: '1 SemanticVersion' }],
  [discoveryPb.SemanticVersionSchema, { major_number: '1 uint32', minor_number: '2 uint32', patch: '3 uint32' }],
  [
    discoveryPb.DeltaDiscoveryRequestSchema,
    {
      node: '1 Node',
      type_url: '2 string',
      resource_names_subscribe: '3 string[]',
      resource_names_unsubscribe: '4 string[]',
      initial_resource_versions: '5 string{}',
      response_nonce: '6 string',
      error_detail: '7 Status',
    },
  ],
  [
    discoveryPb.DeltaDiscoveryResponseSchema,
    {
      system_version_info: '1 string',
      resources: '2 Resource[]',
      type_url: '4 string',
      nonce: '5 string',
      removed_resources: '6 string[]',
      control_plane: '7 ControlPlane',
    },
  ],
  [
    discoveryPb.ResourceSchema,
    {
      version: '1 string',
      resource: '2 Any',
      name: '3 string',
      aliases: '4 string[]',
      ttl: '6 Duration',
      cache_control: '7 CacheControl',
    },
  ],
];

const enums: readonly (readonly [DescEnum, Record<string, number>])[] = [
  [workloadPb.IPFamiliesSchema, { AUTOMATIC: 0, IPV4_ONLY: 1, IPV6_ONLY: 2, DUAL: 3 }],
  [workloadPb.NetworkModeSchema, { STANDARD: 0, HOST_NETWORK: 1 }],
  [workloadPb.Service_VisibilitySchema, { PUBLIC: 0, NAMESPACE: 1 }],
  [
    workloadPb.LoadBalancing_ScopeSchema,
    { UNSPECIFIED_SCOPE: 0, REGION: 1, ZONE: 2, SUBZONE: 3, NODE: 4, CLUSTER: 5, NETWORK: 6 },
  ],
  [workloadPb.LoadBalancing_ModeSchema, { UNSPECIFIED_MODE: 0, STRICT: 1, FAILOVER: 2, PASSTHROUGH: 3 }],
  [workloadPb.LoadBalancing_HealthPolicySchema, { ONLY_HEALTHY: 0, ALLOW_ALL: 1 }],
  [workloadPb.WorkloadStatusSchema, { HEALTHY: 0, UNHEALTHY: 1 }],
  [workloadPb.WorkloadTypeSchema, { DEPLOYMENT: 0, CRONJOB: 1, POD: 2, JOB: 3 }],
  [workloadPb.AppProtocolSchema, { UNKNOWN: 0, HTTP11: 1, HTTP2: 2, GRPC: 3, TCP: 4, TLS: 5 }],
  [workloadPb.TunnelProtocolSchema, { NONE: 0, HBONE: 1, LEGACY_ISTIO_MTLS: 2 }],
  [workloadPb.ApplicationTunnel_ProtocolSchema, { NONE: 0, PROXY: 1 }],
  [authorizationPb.ScopeSchema, { GLOBAL: 0, NAMESPACE: 1, WORKLOAD_SELECTOR: 2 }],
  [authorizationPb.ActionSchema, { ALLOW: 0, DENY: 1 }],
];

describe('protos', () => {
  it.each(messages.map(([desc, contract]) => [desc.typeName, desc, contract] as const))(
    '%s has the fields of Istio',
    (_name, desc, contract) => {
      expect(contractOf(desc)).toEqual(contract);
    },
  );

  it.each(enums.map(([desc, values]) => [desc.typeName, desc, values] as const))(
    '%s has the values of Istio',
    (_name, desc, values) => {
      expect(Object.fromEntries(desc.values.map(({ name, number }) => [name, number]))).toEqual(values);
    },
  );

  it('tells an absent prefix length from zero', () => {
    const [length] = workloadPb.NetworkAddressSchema.fields.filter(({ name }) => name === 'length');

    expect(length?.proto.proto3Optional).toBe(true);
  });
});
