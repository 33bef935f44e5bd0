import { describe, expect, it } from 'vitest';
import { deriveOne, onlyWorkload } from '../support/derive.js';
import { AMBIENT, namespace, node, pod, service, waypoint, waypointPod } from '../support/objects.js';

describe('a pod as a workload', () => {
  it('has its addresses of both families, in their canonical form', () => {
    const podIPs = [{ ip: '10.1.0.1' }, { ip: 'FD00:0:0::1' }];

    expect(onlyWorkload(deriveOne([pod('reviews-1', { status: { podIPs } })])).addresses).toEqual([
      '10.1.0.1',
      'fd00::1',
    ]);
    expect(onlyWorkload(deriveOne([pod('reviews-1', { ip: 'fd00::2' })])).addresses).toEqual(['fd00::2']);
  });

  it('has the uid, identity, place and names that Istio gives it', () => {
    const cluster = deriveOne([
      namespace('shop', AMBIENT),
      node('node-1', {
        'topology.kubernetes.io/region': 'eu',
        'topology.kubernetes.io/zone': 'eu-a',
        'topology.istio.io/subzone': 'rack-7',
      }),
      service('reviews'),
      pod('reviews-v1-6d8f7c9b5-abcde', {
        account: 'reviews',
        labels: { version: 'v1', 'pod-template-hash': '6d8f7c9b5' },
        ownerReferences: [{ kind: 'ReplicaSet', name: 'reviews-v1-6d8f7c9b5', controller: true }],
      }),
    ]);

    expect(onlyWorkload(cluster)).toEqual({
      uid: 'east//Pod/shop/reviews-v1-6d8f7c9b5-abcde',
      name: 'reviews-v1-6d8f7c9b5-abcde',
      namespace: 'shop',
      addresses: ['10.1.0.1'],
      hostname: '',
      network: 'network-1',
      clusterId: 'east',
      trustDomain: 'cluster.local',
      serviceAccount: 'reviews',
      node: 'node-1',
      canonicalName: 'reviews',
      canonicalRevision: 'v1',
      workloadName: 'reviews-v1',
      workloadType: 'deployment',
      locality: { region: 'eu', zone: 'eu-a', subzone: 'rack-7' },
      tunnelProtocol: 'hbone',
      nativeTunnel: false,
      networkMode: 'standard',
      healthy: true,
      capacity: 1,
      authorizationPolicies: [],
      services: new Map([
        ['shop/reviews.shop.svc.cluster.local', [{ servicePort: 80, targetPort: 8080, appProtocol: 'http11' }]],
      ]),
    });
  });

  it.each([
    ['of an ambient namespace', AMBIENT, {}, 'hbone', false],
    ['of a plain namespace', {}, {}, 'none', false],
    ['that opted out', AMBIENT, { labels: { 'istio.io/dataplane-mode': 'none' } }, 'none', false],
    ['that opted in by itself', {}, { labels: AMBIENT }, 'hbone', false],
    [
      'that the CNI plugin captured',
      {},
      { annotations: { 'ambient.istio.io/redirection': 'enabled' } },
      'hbone',
      false,
    ],
    ['on the network of its host', AMBIENT, { spec: { hostNetwork: true } }, 'none', false],
    ['with a sidecar that takes HBONE', {}, { labels: { 'networking.istio.io/tunnel': 'http' } }, 'hbone', true],
    [
      'managed as a waypoint',
      {},
      { labels: { 'gateway.istio.io/managed': 'istio.io-mesh-controller' } },
      'hbone',
      true,
    ],
  ] as const)('%s', (_, labels, init, tunnelProtocol, nativeTunnel) => {
    const workload = onlyWorkload(deriveOne([namespace('shop', labels), pod('a', init)]));

    expect(workload).toMatchObject({ tunnelProtocol, nativeTunnel });
  });

  it('of a gateway terminates HBONE itself', () => {
    const cluster = deriveOne([...waypoint(), waypointPod()]);

    expect(onlyWorkload(cluster)).toMatchObject({
      tunnelProtocol: 'hbone',
      nativeTunnel: true,
      serviceAccount: 'waypoint',
    });
  });

  it.each([
    ['ready', {}, true],
    ['not ready', { ready: false }, false],
    ['being deleted', { deletionTimestamp: '2026-01-01T00:00:00Z' }, false],
    ['without conditions', { status: { conditions: [] } }, false],
  ] as const)('that is %s', (_, init, healthy) => {
    expect(onlyWorkload(deriveOne([pod('a', init)])).healthy).toBe(healthy);
  });

  it('is left out when it has ended or has no address', () => {
    const cluster = deriveOne([
      pod('done', { status: { phase: 'Succeeded' } }),
      pod('failed', { status: { phase: 'Failed' } }),
      { ...pod('pending'), status: { phase: 'Pending' } },
    ]);

    expect(cluster.workloads.size).toBe(0);
  });

  it.each([
    ['Job', 'import-7', 'import-7', 'job'],
    ['Job', 'import-28393920', 'import', 'cronjob'],
    ['StatefulSet', 'db', 'db', 'pod'],
    ['ReplicaSet', 'web-5c9d', 'web', 'deployment'],
  ])('owned by %s %s is of %s (%s)', (kind, name, workloadName, workloadType) => {
    const workload = onlyWorkload(deriveOne([pod('a', { ownerReferences: [{ kind, name, controller: true }] })]));

    expect(workload).toMatchObject({ workloadName, workloadType });
  });

  it('without an owner takes the name before its template hash, or its own', () => {
    const hashed = onlyWorkload(deriveOne([pod('reviews-v1-6d8f-x', { labels: { 'pod-template-hash': '6d8f' } })]));
    const plain = onlyWorkload(deriveOne([pod('reviews-x')]));

    expect(hashed).toMatchObject({ workloadName: 'reviews-v1', workloadType: 'deployment' });
    expect(plain).toMatchObject({ workloadName: 'reviews-x', workloadType: 'pod' });
  });
});

describe('ports of an endpoint', () => {
  const ports = (spec: Record<string, unknown>) => {
    const cluster = deriveOne([service('a', { spec: { ports: [spec] } }), pod('a')]);
    return [...onlyWorkload(cluster).services.values()][0];
  };

  it('resolve a named target by the container, and leave out a port whose name it does not have', () => {
    expect(ports({ port: 80, targetPort: 'web' })).toEqual([
      { servicePort: 80, targetPort: 8080, appProtocol: 'unknown' },
    ]);
    expect(ports({ port: 80, targetPort: 'other' })).toEqual([]);
  });

  it.each([
    [{ name: 'http-api' }, 'http11'],
    [{ name: 'grpc' }, 'grpc'],
    [{ name: 'tcp-db' }, 'tcp'],
    [{ name: 'https' }, 'tls'],
    [{ name: 'http', appProtocol: 'kubernetes.io/h2c' }, 'http2'],
    [{ name: 'something' }, 'unknown'],
  ])('%j speak %s', (spec, appProtocol) => {
    expect(ports({ port: 80, ...spec })).toEqual([{ servicePort: 80, targetPort: 80, appProtocol }]);
  });

  it('are TCP only', () => {
    expect(ports({ port: 53, protocol: 'UDP' })).toEqual([]);
  });
});

describe('workloads that are no pods', () => {
  it('a WorkloadEntry joins the services that select its labels', () => {
    const cluster = deriveOne([
      service('db', { spec: { ports: [{ name: 'tcp', port: 5432 }] } }),
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'WorkloadEntry',
        metadata: { name: 'vm', namespace: 'shop', annotations: { 'ambient.istio.io/redirection': 'enabled' } },
        spec: { address: '192.0.2.7', labels: { app: 'db' }, weight: 3, serviceAccount: 'db', locality: 'eu/eu-a' },
      },
    ]);

    expect(onlyWorkload(cluster)).toMatchObject({
      uid: 'east/networking.istio.io/WorkloadEntry/shop/vm',
      addresses: ['192.0.2.7'],
      capacity: 3,
      serviceAccount: 'db',
      tunnelProtocol: 'hbone',
      locality: { region: 'eu', zone: 'eu-a' },
    });
    expect([...onlyWorkload(cluster).services.keys()]).toEqual(['shop/db.shop.svc.cluster.local']);
  });

  it('a ServiceEntry gives a service per host, with its endpoints, or its hosts to resolve', () => {
    const entry = (spec: Record<string, unknown>) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name: 'api', namespace: 'shop' },
      spec: { hosts: ['api.example'], ports: [{ number: 443, name: 'tls' }], ...spec },
    });

    const fixed = deriveOne([
      entry({ resolution: 'STATIC', endpoints: [{ address: '192.0.2.1', ports: { tls: 8443 } }] }),
    ]);
    const resolved = deriveOne([entry({ resolution: 'DNS' })]);
    const passed = deriveOne([entry({ addresses: ['192.0.2.0/24'] })]);

    expect(onlyWorkload(fixed)).toMatchObject({
      uid: 'east/networking.istio.io/ServiceEntry/shop/api/192.0.2.1',
      addresses: ['192.0.2.1'],
    });
    expect(onlyWorkload(fixed).services.get('shop/api.example')).toEqual([
      { servicePort: 443, targetPort: 8443, appProtocol: 'tls' },
    ]);
    expect(onlyWorkload(resolved)).toMatchObject({ addresses: [], hostname: 'api.example' });
    expect(passed.services.get('shop/api.example')).toMatchObject({
      addresses: [{ ip: '192.0.2.0', length: 24 }],
      loadBalancing: { mode: 'passthrough' },
    });
  });

  it('an EndpointSlice of a Service without selector gives strangers, and membership to the pods it names', () => {
    const cluster = deriveOne([
      service('ext', { spec: { selector: {}, ports: [{ name: 'p', port: 80 }] } }),
      pod('a', { ip: '10.1.0.5' }),
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'ext-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'ext' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['192.0.2.9'] }, { addresses: ['10.1.0.5'], targetRef: { kind: 'Pod', name: 'a' } }],
        ports: [{ name: 'p', port: 9000 }],
      },
    ]);

    const key = 'shop/ext.shop.svc.cluster.local';
    const stranger = cluster.workloads.get('east/discovery.k8s.io/EndpointSlice/shop/ext-1/192.0.2.9');
    expect(stranger).toMatchObject({ networkMode: 'host', serviceAccount: '' });
    expect(stranger?.services.get(key)).toEqual([{ servicePort: 80, targetPort: 9000, appProtocol: 'unknown' }]);
    expect(cluster.workloads.get('east//Pod/shop/a')?.services.has(key)).toBe(true);
    expect(cluster.workloads.size).toBe(2);
  });
});
