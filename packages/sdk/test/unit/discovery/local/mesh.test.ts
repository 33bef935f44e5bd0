/** hbone.md 6.3: the format of ztunnel's LOCAL_XDS_PATH, as plain data. */
import { describe, expect, it } from 'vitest';
import { readLocalMesh } from '../../../../src/discovery/index.js';
import { planOutbound } from '../../../../src/routing/index.js';
import { first, line, snapshotOf } from '../../../support/routing-world.js';

const REVIEWS = 'shop/reviews.shop.svc.cluster.local';

const MESH = {
  workloads: [
    {
      uid: 'east//Pod/shop/storefront',
      name: 'storefront',
      namespace: 'shop',
      serviceAccount: 'storefront',
      workloadIps: ['10.1.0.1', 'FD00::1'],
      protocol: 'HBONE',
      network: 'net-1',
      node: 'node-a',
      locality: { region: 'eu', zone: 'eu-a', subzone: '' },
      services: {},
    },
    {
      name: 'reviews',
      namespace: 'shop',
      workloadIps: ['10.1.0.2'],
      protocol: 'HBONE',
      network: 'net-1',
      services: { [REVIEWS]: { '80': 8080 } },
      applicationTunnel: { protocol: 'NONE', port: 15088 },
      status: 'Unhealthy',
      capacity: 3,
      nativeTunnel: true,
      networkMode: 'HostNetwork',
      waypoint: { destination: 'net-1/10.1.0.50', hboneMtlsPort: 15008 },
      networkGateway: { destination: 'istio-system/gw.example.com', hboneMtlsPort: 15009 },
      authorizationPolicies: ['shop/only-web'],
    },
  ],
  services: [
    {
      name: 'reviews',
      namespace: 'shop',
      hostname: 'reviews.shop.svc.cluster.local',
      vips: ['net-1/10.96.0.10', '/10.96.0.11'],
      cidrVips: [{ network: 'net-1', cidr: '10.97.0.0/16' }],
      ports: { '80': 8080, '443': 0 },
      subjectAltNames: ['spiffe://cluster.local/ns/shop/sa/reviews'],
      weightedWaypoints: [{ destination: { destination: 'net-1/10.1.0.50', hboneMtlsPort: 15008 }, weight: 3 }],
      loadBalancer: { routingPreferences: ['Network', 'Region'], mode: 'Failover', healthPolicy: 'AllowAll' },
      ipFamilies: 'IPv4',
      canonical: true,
      visibility: 'Namespace',
    },
  ],
  policies: [
    {
      name: 'only-web',
      namespace: 'shop',
      scope: 'WorkloadSelector',
      action: 'Allow',
      rules: [[[{ principals: [{ Suffix: '/sa/web' }], sourceIps: ['10.0.0.0/8'], destinationPorts: [8080] }]]],
      dryRun: false,
    },
  ],
};

function problemsOf(document: unknown): readonly string[] {
  const read = readLocalMesh(document);
  return read.ok ? [] : read.problems.map(({ path, message }) => `${path}: ${message}`);
}

describe('a local mesh', () => {
  it('reads every field of the format', () => {
    const read = readLocalMesh(MESH);
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const { workloads, services, policies } = read.value;

    expect(workloads[0]).toMatchObject({ addresses: ['10.1.0.1', 'fd00::1'], tunnelProtocol: 'hbone', healthy: true });
    expect(workloads[1]).toMatchObject({
      addresses: ['10.1.0.2'],
      healthy: false,
      capacity: 3,
      nativeTunnel: true,
      networkMode: 'host',
      applicationTunnel: { protocol: 'none', port: 15088 },
      waypoint: {
        destination: { kind: 'address', address: { network: 'net-1', ip: '10.1.0.50' } },
        hboneMtlsPort: 15008,
      },
      networkGateway: {
        destination: { kind: 'hostname', name: { namespace: 'istio-system', hostname: 'gw.example.com' } },
        hboneMtlsPort: 15009,
      },
    });
    expect(services[0]).toMatchObject({
      key: REVIEWS,
      addresses: [
        { network: 'net-1', ip: '10.96.0.10' },
        { network: '', ip: '10.96.0.11' },
        { network: 'net-1', ip: '10.97.0.0', length: 16 },
      ],
      ports: [
        { servicePort: 80, targetPort: 8080 },
        { servicePort: 443, targetPort: 0 },
      ],
      weightedWaypoints: [{ weight: 3 }],
      loadBalancing: { mode: 'failover', routingPreference: ['network', 'region'], healthPolicy: 'allow-all' },
      ipFamilies: 'ipv4',
      visibility: 'namespace',
    });
    expect(policies[0]).toMatchObject({ key: 'shop/only-web', scope: 'workload-selector', action: 'allow' });
    expect(policies[0]?.rules[0]?.[0]?.[0]).toMatchObject({
      principals: [{ kind: 'suffix', value: '/sa/web' }],
      sourceIps: [{ ip: '10.0.0.0', length: 8 }],
      destinationPorts: [8080],
    });
  });

  it('fills in what xDS fills in, so that identities are of a trust domain', () => {
    const read = readLocalMesh({ workloads: [{ name: 'a', namespace: 'shop', workloadIps: [], services: {} }] });

    expect(read).toMatchObject({
      value: {
        workloads: [
          {
            uid: 'Kubernetes//Pod/shop/a',
            trustDomain: 'cluster.local',
            serviceAccount: 'default',
            clusterId: 'Kubernetes',
            capacity: 1,
            tunnelProtocol: 'none',
          },
        ],
      },
    });
  });

  it('can be planned with', () => {
    const [storefront, reviews] = MESH.workloads;
    const { weightedWaypoints: _, ...unbound } = MESH.services[0] ?? {};
    const read = readLocalMesh({
      ...MESH,
      workloads: [storefront, { ...reviews, status: 'Healthy' }],
      services: [unbound],
    });
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const [source] = read.value.workloads;
    if (!source) throw new Error('nobody');

    const plan = planOutbound(snapshotOf(read.value), {
      source,
      network: 'net-1',
      target: { kind: 'address', ip: '10.96.0.10', port: 80 },
      random: first,
    });

    expect(line(plan)).toBe('endpoint 10.1.0.2:15008 as shop/reviews|shop/default asks 10.1.0.2:8080');
  });

  it('takes endpoints that a service lists, as a dump of ztunnel does; what the workload says itself comes first', () => {
    const endpoints = {
      a: { workloadUid: 'east//Pod/shop/storefront', port: { '80': 1111 }, status: 'Healthy' },
      b: { workloadUid: 'Kubernetes//Pod/shop/reviews', port: { '80': 2222 }, status: 'Healthy' },
    };
    const read = readLocalMesh({ ...MESH, services: [{ ...MESH.services[0], endpoints }] });

    expect(read.ok && read.value.workloads.map(({ services }) => services.get(REVIEWS)?.[0]?.targetPort)).toEqual([
      1111, 8080,
    ]);
  });

  it.each([[undefined], [null], [{}], [{ workloads: null, services: [], policies: [] }]])(
    '%j is an empty one',
    (empty) => {
      expect(readLocalMesh(empty)).toEqual({ ok: true, value: { workloads: [], services: [], policies: [] } });
    },
  );

  it('tells all problems at once, each with its path', () => {
    const problems = problemsOf({
      workload: [],
      workloads: [
        {
          namespace: 7,
          workloadIps: ['10.1.0.300'],
          services: { reviews: { '80': 99_999 } },
          protocol: 'TLS',
          waypoint: { destination: '10.1.0.50' },
          locality: { region: 'eu' },
          capcity: 3,
        },
        { uid: 'x', namespace: 'a', workloadIps: [], services: {} },
        { uid: 'x', namespace: 'a', workloadIps: [], services: {} },
      ],
      services: [
        {
          name: 'a',
          namespace: 'b',
          hostname: 'c',
          vips: 'none',
          ports: {},
          endpoints: { z: { workloadUid: 'z', port: {} } },
        },
      ],
      policies: [
        {
          name: 'p',
          namespace: 'n',
          scope: 'Global',
          action: 'Allow',
          rules: [[[{ principals: ['web'], notSourceIps: ['10.0.0.0'] }]]],
        },
      ],
    });

    expect(problems).toEqual([
      'workload: no such list; there are workloads, services, policies',
      'workloads[0].namespace: 7 is no text; put it in quotes',
      'workloads[0]: neither uid nor name is set, and one of them has to tell it from the others',
      'workloads[0].waypoint.destination: "10.1.0.50" has no slash',
      'workloads[0].waypoint: hboneMtlsPort is missing',
      'workloads[0].workloadIps[0]: "10.1.0.300" is no IP address',
      'workloads[0].locality: zone is missing',
      'workloads[0].locality: subzone is missing',
      'workloads[0].protocol: "TLS" is none of TCP, HBONE',
      'workloads[0].services["reviews"]["80"]: 99999 is no whole number from 0 to 65535',
      'workloads[0].services["reviews"]: not of the form namespace/hostname',
      'workloads[0].capcity: no such field',
      'services[0].vips: "none" is no list',
      'policies[0].rules[0][0][0].principals[0]: "web" is none of !Exact, !Prefix, !Suffix with a text, and !Presence []',
      'policies[0].rules[0][0][0].notSourceIps[0]: "10.0.0.0" has no slash',
      'workloads[2]: x is there already, as workloads[1]',
      'services[0].endpoints: no workload has uid z',
    ]);
  });

  it.each([['text'], [[1]], [5]])('%j is none', (document) => {
    expect(problemsOf(document)).toEqual([expect.stringContaining('no mapping of workloads, services, policies')]);
  });
});
