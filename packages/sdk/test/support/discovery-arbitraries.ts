/** Arbitrary models of a small mesh: few names, so that collisions, updates and removals happen often. */
import fc from 'fast-check';
import type {
  Authorization,
  CidrMatch,
  GatewayAddress,
  NetworkAddress,
  PolicyMatch,
  Service,
  ServicePort,
  StringMatch,
  Workload,
} from '../../src/discovery/model.js';

const network = fc.constantFrom('', 'network-1', 'network-2');
const namespace = fc.constantFrom('shop', 'bank');
const hostname = fc.constantFrom('a.example', 'b.example', 'c.example');
const ipv4 = fc.nat(3).map((last) => `10.0.0.${last}`);
export const ip = fc.oneof(ipv4, fc.constantFrom('2001:db8::1', '2001:db8::2', '::ffff:10.0.0.1'));
const port = fc.constantFrom(0, 80, 8080, 65535);

const servicePort: fc.Arbitrary<ServicePort> = fc.record({
  servicePort: port,
  targetPort: port,
  appProtocol: fc.constantFrom('unknown', 'http11', 'http2', 'grpc', 'tcp', 'tls'),
});

const hostAddress: fc.Arbitrary<NetworkAddress> = fc.record({ network, ip });
const block: fc.Arbitrary<NetworkAddress> = fc.oneof(
  fc.record({ network, ip: ipv4, length: fc.constantFrom(0, 8, 30, 31) }),
  fc.record({ network, ip: fc.constant('2001:db8::'), length: fc.constantFrom(32, 127) }),
);

const gateway: fc.Arbitrary<GatewayAddress> = fc.record({
  hboneMtlsPort: port,
  destination: fc.oneof(
    fc.record({ kind: fc.constant('address' as const), address: hostAddress }),
    fc.record({ kind: fc.constant('hostname' as const), name: fc.record({ namespace, hostname }) }),
  ),
});

const text = fc.constantFrom('', 'x', 'y');

export const workload: fc.Arbitrary<Workload> = fc.record(
  {
    uid: fc.constantFrom('east//Pod/shop/a', 'east//Pod/shop/b', 'east/x/WorkloadEntry/shop/c', 'shop/a.example'),
    name: text,
    namespace,
    addresses: fc.array(ip, { maxLength: 3 }),
    hostname: fc.oneof(fc.constant(''), hostname),
    network,
    clusterId: fc.constantFrom('Kubernetes', 'east'),
    trustDomain: fc.constantFrom('cluster.local', 'east.example'),
    serviceAccount: fc.constantFrom('default', 'reviews'),
    node: text,
    canonicalName: text,
    canonicalRevision: text,
    workloadName: text,
    workloadType: fc.constantFrom('deployment', 'cronjob', 'pod', 'job'),
    locality: fc.record({ region: text, zone: text, subzone: text }),
    tunnelProtocol: fc.constantFrom('none', 'hbone'),
    nativeTunnel: fc.boolean(),
    networkMode: fc.constantFrom('standard', 'standard', 'host'),
    healthy: fc.boolean(),
    capacity: fc.nat(3),
    waypoint: gateway,
    networkGateway: gateway,
    authorizationPolicies: fc.uniqueArray(fc.constantFrom('shop/p', 'shop/q', 'bank/p', 'bank/q'), { maxLength: 3 }),
    services: fc
      .uniqueArray(
        fc.tuple(fc.constantFrom('shop/a.example', 'shop/b.example', 'bank/a.example'), fc.array(servicePort)),
        {
          selector: ([key]) => key,
          maxLength: 3,
        },
      )
      .map((entries) => new Map(entries)),
    applicationTunnel: fc.record({ protocol: fc.constantFrom('none', 'proxy'), port }),
  },
  {
    requiredKeys: [
      'uid',
      'name',
      'namespace',
      'addresses',
      'hostname',
      'network',
      'clusterId',
      'trustDomain',
      'serviceAccount',
      'node',
      'canonicalName',
      'canonicalRevision',
      'workloadName',
      'workloadType',
      'locality',
      'tunnelProtocol',
      'nativeTunnel',
      'networkMode',
      'healthy',
      'capacity',
      'authorizationPolicies',
      'services',
    ],
  },
);

const weighted = fc.record({
  waypoint: gateway,
  weightedWaypoints: fc.array(fc.record({ destination: gateway, weight: fc.nat(3) }), { minLength: 1, maxLength: 2 }),
});

export const service: fc.Arbitrary<Service> = fc
  .tuple(
    fc.record({
      name: text,
      namespace,
      hostname,
      addresses: fc.array(fc.oneof(hostAddress, block), { maxLength: 3 }),
      ports: fc.array(servicePort, { maxLength: 2 }),
      subjectAltNames: fc.array(fc.constantFrom('spiffe://td/ns/n/sa/a', 'spiffe://td/ns/n/sa/b'), { maxLength: 2 }),
      ipFamilies: fc.constantFrom('automatic', 'ipv4', 'ipv6', 'dual'),
      canonical: fc.boolean(),
      ingressUseWaypoint: fc.boolean(),
      visibility: fc.constantFrom('public', 'namespace'),
    }),
    fc.record(
      {
        waypoint: gateway,
        loadBalancing: fc.record({
          mode: fc.constantFrom('standard', 'strict', 'failover', 'passthrough'),
          routingPreference: fc.array(fc.constantFrom('region', 'zone', 'subzone', 'node', 'cluster', 'network'), {
            maxLength: 3,
          }),
          healthPolicy: fc.constantFrom('only-healthy', 'allow-all'),
        }),
      },
      { requiredKeys: [] },
    ),
    fc.option(weighted, { nil: {} }),
  )
  .map(([base, optional, waypoints]) => ({
    key: `${base.namespace}/${base.hostname}`,
    ...base,
    ...optional,
    ...waypoints,
  })) as fc.Arbitrary<Service>;

const stringMatch = fc.oneof(
  fc.record({ kind: fc.constantFrom('exact', 'prefix', 'suffix'), value: text }),
  fc.constant({ kind: 'presence' }),
) as fc.Arbitrary<StringMatch>;
const strings = fc.array(stringMatch, { maxLength: 2 });
const cidr: fc.Arbitrary<CidrMatch> = fc.record({ ip: ipv4, length: fc.constantFrom(0, 8, 32) });
const cidrs = fc.array(cidr, { maxLength: 2 });
const ports = fc.array(port, { maxLength: 2 });
const accounts = fc.array(fc.record({ namespace, serviceAccount: text }), { maxLength: 2 });

const policyMatch: fc.Arbitrary<PolicyMatch> = fc.record({
  namespaces: strings,
  notNamespaces: strings,
  principals: strings,
  notPrincipals: strings,
  sourceIps: cidrs,
  notSourceIps: cidrs,
  destinationIps: cidrs,
  notDestinationIps: cidrs,
  destinationPorts: ports,
  notDestinationPorts: ports,
  serviceAccounts: accounts,
  notServiceAccounts: accounts,
});

export const policy: fc.Arbitrary<Authorization> = fc
  .record({
    name: fc.constantFrom('p', 'q'),
    namespace,
    scope: fc.constantFrom('global', 'namespace', 'workload-selector'),
    action: fc.constantFrom('allow', 'deny'),
    rules: fc.array(fc.array(fc.array(policyMatch, { maxLength: 2 }), { maxLength: 2 }), { maxLength: 2 }),
    dryRun: fc.boolean(),
  })
  .map((base) => ({ key: `${base.namespace}/${base.name}`, ...base }) as Authorization);
