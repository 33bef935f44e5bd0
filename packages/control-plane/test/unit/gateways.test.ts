import { describe, expect, it } from 'vitest';
import { deriveOne } from '../support/derive.js';
import { eastWestGateway, gateway, pod, service } from '../support/objects.js';

const labels = { 'topology.istio.io/network': 'network-1' };
const listeners = [{ name: 'mesh', port: 15008, protocol: 'HBONE' }];
const inSystem = { namespace: 'istio-system' };

function gateways(...objects: Parameters<typeof deriveOne>[0][number][]) {
  const { gateways: found, problems } = deriveOne(objects);
  return { found, told: problems.map(({ message }) => message) };
}

describe('gateways of networks', () => {
  it('come from east-west Gateways with their address, port and account', () => {
    const { found } = gateways(eastWestGateway('network-1', '192.0.2.1'));

    expect(found).toEqual([
      {
        namespace: 'istio-system',
        name: 'eastwest',
        network: 'network-1',
        cluster: 'east',
        trustDomain: 'cluster.local',
        serviceAccount: 'eastwest',
        address: { kind: 'ip', value: '192.0.2.1' },
        hbonePort: 15008,
        source: 'discovered',
        usable: true,
      },
    ]);
  });

  it('have the account of their pods, and are unusable while none of those is ready', () => {
    const own = { 'gateway.networking.k8s.io/gateway-name': 'eastwest' };
    const down = gateways(
      eastWestGateway('network-1', '192.0.2.1'),
      pod('gw-1', { ...inSystem, labels: own, account: 'gw', ready: false }),
    );
    const up = gateways(
      eastWestGateway('network-1', '192.0.2.1'),
      pod('gw-1', { ...inSystem, labels: own, account: 'gw' }),
    );

    expect(down.found).toMatchObject([{ serviceAccount: 'gw', usable: false }]);
    expect(up.found).toMatchObject([{ serviceAccount: 'gw', usable: true }]);
  });

  it('have an address from their Service when the Gateway names none', () => {
    const nameless = gateway('eastwest', 'istio-east-west', { ...inSystem, labels, spec: { listeners } });
    const balanced = service('eastwest', { ...inSystem });
    const { found } = gateways(nameless, {
      ...balanced,
      status: { loadBalancer: { ingress: [{ hostname: 'lb.example' }, { ip: '192.0.2.3' }] } },
    });

    expect(found.map(({ address }) => address)).toEqual([
      { kind: 'hostname', value: 'lb.example' },
      { kind: 'ip', value: '192.0.2.3' },
    ]);
  });

  it.each([
    ['no address', { labels, spec: { listeners } }, 'is empty and its Service has no external address'],
    [
      'no HBONE listener',
      { labels, spec: { listeners: [{ port: 15443, protocol: 'TLS' }] } },
      'has no listener of protocol HBONE',
    ],
    [
      'a listener that passes TLS through',
      { labels, spec: { listeners: [{ ...listeners[0], tls: { mode: 'Passthrough' } }] } },
      'has to terminate TLS',
    ],
  ])('with %s are left out and told', (_, init, message) => {
    const { found, told } = gateways(gateway('eastwest', 'istio-east-west', { ...inSystem, ...init }));

    expect(found).toEqual([]);
    expect(told).toEqual([expect.stringContaining(message)]);
  });

  it('that run elsewhere are declared with the network they lead to and the port of their listener', () => {
    const spec = { listeners: [{ port: 15010, protocol: 'HBONE' }], addresses: [{ value: '192.0.2.4' }] };
    const declared = gateways(
      gateway('to-2', 'istio-remote', { ...inSystem, labels: { 'topology.istio.io/network': 'network-2' }, spec }),
    );
    const aimless = gateways(gateway('to-2', 'istio-remote', { ...inSystem, spec }));

    expect(declared.found).toMatchObject([{ network: 'network-2', source: 'declared', hbonePort: 15010 }]);
    expect(aimless.told).toEqual([expect.stringContaining('has no label topology.istio.io/network')]);
  });
});
