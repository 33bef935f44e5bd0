import { describe, expect, it } from 'vitest';
import { decodeWorkload, formatProblems } from '../../../src/discovery/index.js';
import { workloadPb } from '../../../src/wire/index.js';
import { type WorkloadInit, workloadMessage } from '../../support/xds-resources.js';

const decoded = (init: WorkloadInit) => {
  const result = decodeWorkload(workloadMessage(init));
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return result.value;
};

const problems = (init: WorkloadInit) => {
  const result = decodeWorkload(workloadMessage(init));
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
};

describe('a workload', () => {
  it('gets the defaults of ztunnel for what is empty', () => {
    const workload = decoded({ uid: 'u' });

    expect(workload).toMatchObject({
      trustDomain: 'cluster.local',
      serviceAccount: 'default',
      clusterId: 'Kubernetes',
      capacity: 1,
      tunnelProtocol: 'none',
      networkMode: 'standard',
      workloadType: 'deployment',
      healthy: true,
      locality: { region: '', zone: '', subzone: '' },
      addresses: [],
      authorizationPolicies: [],
    });
    expect(workload.services.size).toBe(0);
    expect(workload).not.toHaveProperty('waypoint');
    expect(workload).not.toHaveProperty('networkGateway');
    expect(workload).not.toHaveProperty('applicationTunnel');
  });

  it('keeps what is set', () => {
    const workload = decoded({
      name: 'reviews-1',
      addresses: [Uint8Array.of(10, 0, 0, 7), Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7)],
      network: 'network-1',
      tunnelProtocol: workloadPb.TunnelProtocol.HBONE,
      trustDomain: 'east.example',
      serviceAccount: 'reviews',
      clusterId: 'east',
      nativeTunnel: true,
      status: workloadPb.WorkloadStatus.UNHEALTHY,
      workloadType: workloadPb.WorkloadType.JOB,
      networkMode: workloadPb.NetworkMode.HOST_NETWORK,
      locality: { region: 'r', zone: 'z' },
      authorizationPolicies: ['shop/only-reviews'],
      services: {
        'shop/reviews.shop.svc.cluster.local': {
          ports: [{ servicePort: 80, targetPort: 8080, appProtocol: workloadPb.AppProtocol.GRPC }],
        },
      },
      applicationTunnel: { protocol: workloadPb.ApplicationTunnel_Protocol.PROXY, port: 15088 },
    });

    expect(workload).toMatchObject({
      name: 'reviews-1',
      addresses: ['10.0.0.7', '2001:db8::7'],
      network: 'network-1',
      tunnelProtocol: 'hbone',
      trustDomain: 'east.example',
      serviceAccount: 'reviews',
      clusterId: 'east',
      nativeTunnel: true,
      healthy: false,
      workloadType: 'job',
      networkMode: 'host',
      locality: { region: 'r', zone: 'z', subzone: '' },
      authorizationPolicies: ['shop/only-reviews'],
      applicationTunnel: { protocol: 'proxy', port: 15088 },
    });
    expect([...workload.services]).toEqual([
      ['shop/reviews.shop.svc.cluster.local', [{ servicePort: 80, targetPort: 8080, appProtocol: 'grpc' }]],
    ]);
  });

  it('tells an explicit capacity of 0 from none', () => {
    expect(decoded({ capacity: 0 }).capacity).toBe(0);
    expect(decoded({ capacity: 7 }).capacity).toBe(7);
  });

  it('knows both kinds of gateway address', () => {
    const { waypoint, networkGateway } = decoded({
      waypoint: {
        destination: { case: 'hostname', value: { namespace: 'shop', hostname: 'waypoint.shop' } },
        hboneMtlsPort: 15008,
      },
      networkGateway: {
        destination: { case: 'address', value: { network: 'network-2', address: Uint8Array.of(192, 0, 2, 1) } },
        hboneMtlsPort: 15443,
      },
    });

    expect(waypoint).toEqual({
      destination: { kind: 'hostname', name: { namespace: 'shop', hostname: 'waypoint.shop' } },
      hboneMtlsPort: 15008,
    });
    expect(networkGateway).toEqual({
      destination: { kind: 'address', address: { network: 'network-2', ip: '192.0.2.1' } },
      hboneMtlsPort: 15443,
    });
  });

  it('takes kinds it has no name for where they only label telemetry', () => {
    const workload = decoded({
      workloadType: 77 as workloadPb.WorkloadType,
      services: { 'n/h': { ports: [{ servicePort: 1, appProtocol: 99 as workloadPb.AppProtocol }] } },
    });

    expect(workload.workloadType).toBe('deployment');
    expect(workload.services.get('n/h')).toEqual([{ servicePort: 1, targetPort: 0, appProtocol: 'unknown' }]);
  });

  it.each<[string, WorkloadInit, string]>([
    ['without uid', { uid: '' }, 'workload.uid: empty, it is the name the workload is stored and removed under'],
    [
      'with an address of 3 bytes',
      { addresses: [Uint8Array.of(1, 2, 3)] },
      'workload.addresses[0]: 3 bytes, an IP address has 4 or 16',
    ],
    [
      'with an empty address',
      { addresses: [Uint8Array.of(1, 2, 3, 4), new Uint8Array()] },
      'workload.addresses[1]: 0 bytes, an IP address has 4 or 16',
    ],
    [
      'that wants sidecar mTLS',
      { tunnelProtocol: workloadPb.TunnelProtocol.LEGACY_ISTIO_MTLS },
      'workload.tunnelProtocol: LEGACY_ISTIO_MTLS is not supported',
    ],
    [
      'of an unknown tunnel protocol',
      { tunnelProtocol: 9 as workloadPb.TunnelProtocol },
      'workload.tunnelProtocol: 9 is not a known TunnelProtocol',
    ],
    [
      'of an unknown network mode',
      { networkMode: 5 as workloadPb.NetworkMode },
      'workload.networkMode: 5 is not a known NetworkMode',
    ],
    [
      'of an unknown status',
      { status: 3 as workloadPb.WorkloadStatus },
      'workload.status: 3 is not a known WorkloadStatus',
    ],
    [
      'of an unknown application tunnel',
      { applicationTunnel: { protocol: 4 as workloadPb.ApplicationTunnel_Protocol } },
      'workload.applicationTunnel.protocol: 4 is not a known Protocol',
    ],
    [
      'in a service without namespace',
      { services: { reviews: {} } },
      'workload.services["reviews"]: not of the form namespace/hostname',
    ],
    [
      'with a waypoint that leads nowhere',
      { waypoint: { hboneMtlsPort: 15008 } },
      'workload.waypoint: neither address nor hostname is set, so it leads nowhere',
    ],
    [
      'with a gateway of 5 bytes',
      { networkGateway: { destination: { case: 'address', value: { address: new Uint8Array(5) } } } },
      'workload.networkGateway.address.address: 5 bytes, an IP address has 4 or 16',
    ],
    [
      'with a port that is none',
      { services: { 'n/h': { ports: [{ servicePort: 65536 }] } } },
      'workload.services["n/h"].ports[0].servicePort: 65536 is not a port, the highest is 65535',
    ],
  ])('%s is refused with the reason', (_what, init, problem) => {
    expect(problems(init)).toEqual([problem]);
  });

  it('is refused with all reasons at once', () => {
    const found = problems({
      uid: '',
      addresses: [new Uint8Array(3)],
      status: 3 as workloadPb.WorkloadStatus,
      waypoint: { hboneMtlsPort: 99_999 },
    });

    expect(found.map((problem) => problem.split(':')[0])).toEqual([
      'workload.uid',
      'workload.addresses[0]',
      'workload.status',
      'workload.waypoint.hboneMtlsPort',
      'workload.waypoint',
    ]);
  });

  it('names a bounded number of problems', () => {
    const found = problems({ addresses: Array.from({ length: 100 }, () => new Uint8Array(3)) });

    expect(found).toHaveLength(17);
    expect(found.at(-1)).toBe('…: and 84 more');
  });
});
