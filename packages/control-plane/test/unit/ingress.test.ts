import { create, type JsonObject } from '@bufbuild/protobuf';
import { discoveryPb } from '@isthmus/sdk/wire';
import { describe, expect, it } from 'vitest';
import { parseNode } from '../../src/xds/node.js';
import { derive, onlyWorkload, shopIn, viewOf } from '../support/derive.js';
import {
  authorizationPolicy,
  eastWestGateway,
  GLOBAL,
  ingressGateway,
  type Manifest,
  namespace,
  pod,
  service,
} from '../support/objects.js';
import { proxiesOf } from '../support/reach.js';

const side = (id: string, network: string, octet: number, ...objects: readonly Manifest[]) =>
  shopIn(id, network, eastWestGateway(network, `192.0.2.${octet}`), ...objects);
const reviews = (octet: number, ready: boolean) => [
  service('reviews', {
    labels: GLOBAL,
    spec: { clusterIP: `10.0.0.${octet}`, trafficDistribution: 'PreferClose' },
  }),
  pod('reviews-1', { ip: `10.${octet}.0.2`, account: 'reviews', ready }),
];

describe('what an ingress gateway is sent', () => {
  const own = side(
    'east',
    'network-1',
    1,
    ...ingressGateway('10.1.0.8'),
    ...reviews(1, true),
    pod('loner-1', { ip: '10.1.0.3' }),
    namespace('quiet'),
    authorizationPolicy('everybody', { rules: [{}] }, { namespace: 'istio-system' }),
    authorizationPolicy('here', { rules: [{}] }),
    authorizationPolicy('elsewhere', { rules: [{}] }, { namespace: 'quiet' }),
    authorizationPolicy('its', { selector: { matchLabels: { app: 'ingress' } } }),
    authorizationPolicy('others', { selector: { matchLabels: { app: 'reviews' } } }),
  );
  const view = viewOf('ingress', own, side('west', 'network-2', 2, ...reviews(2, true)));

  it('are services with their members on its network, records for other networks and their gateways, and itself', () => {
    expect([...view.services.keys()]).toEqual([
      'shop/ingress.shop.svc.cluster.local',
      'shop/reviews.shop.svc.cluster.local',
    ]);
    expect([...view.workloads.keys()]).toEqual([
      'NetworkGateway/network-2/192.0.2.2/15008',
      'east//Pod/shop/ingress-1',
      'east//Pod/shop/reviews-1',
      'network-2/SplitHorizonWorkload/istio-system/eastwest/192.0.2.2/shop/reviews.shop.svc.cluster.local',
    ]);
  });

  it('are the policies that bind it and no others, by name neither', () => {
    expect([...view.policies.keys()]).toEqual(['istio-system/everybody', 'shop/here', 'shop/its']);
    expect(view.workloads.get('east//Pod/shop/ingress-1')?.authorizationPolicies).toEqual(['shop/its']);
    expect(view.workloads.get('east//Pod/shop/reviews-1')?.authorizationPolicies).toEqual([]);
  });

  it('are no policies where there is no such gateway', () => {
    const policy = authorizationPolicy('everybody', { rules: [{}] }, { namespace: 'istio-system' });

    expect([...viewOf('ingress', side('east', 'network-1', 1, policy)).policies]).toEqual([]);
  });

  it('is enough to prefer the pods here, and to go to another network when none is healthy', () => {
    const asked = { kind: 'hostname', hostname: 'reviews.shop.svc.cluster.local', port: 80 } as const;
    const answers = (isReady: boolean) => {
      const objects = [...ingressGateway('10.1.0.8'), ...reviews(1, isReady)];
      const mesh = proxiesOf(
        side('east', 'network-1', 1, ...objects),
        side('west', 'network-2', 2, ...reviews(2, true)),
      );
      return [...mesh.reach('east', asked, { role: 'ingress', pod: 'ingress-1' }).answers].sort();
    };

    expect(answers(true)).toContain('east//Pod/shop/reviews-1');
    expect(answers(false)).toEqual(['west//Pod/shop/reviews-1']);
  });

  it('terminates no HBONE', () => {
    const [gateway, , itsPod] = ingressGateway('10.1.0.8');
    const cluster = derive({ id: 'east', network: 'network-1', objects: [gateway!, itsPod!] });

    expect(onlyWorkload(cluster)).toMatchObject({ tunnelProtocol: 'none', nativeTunnel: false });
  });
});

describe('a gateway that connects', () => {
  const roleOf = (type: string, metadata: JsonObject) => {
    const parsed = parseNode(create(discoveryPb.NodeSchema, { id: `${type}~10.1.0.8~g.shop~shop.svc`, metadata }));
    return parsed.ok ? parsed.node.role : parsed.reason;
  };

  it.each<[string, string, JsonObject, string]>([
    [
      'as Istio deploys it',
      'router',
      { LABELS: { 'gateway.istio.io/managed': 'istio.io-gateway-controller' } },
      'ingress',
    ],
    ['as its charts do', 'router', { LABELS: { istio: 'ingressgateway' } }, 'ingress'],
    [
      'an east-west gateway',
      'router',
      { LABELS: { 'gateway.istio.io/managed': 'istio.io-eastwest-controller' } },
      'router',
    ],
    ['who does not say', 'router', {}, 'router'],
    ['who says it in another form', 'router', { LABELS: 'istio=ingressgateway' }, 'router'],
    ['no gateway at all', 'ztunnel', { LABELS: { istio: 'ingressgateway' } }, 'ztunnel'],
    ['a role of ours', 'ingress', {}, 'node type "ingress" is not served; known: ztunnel, waypoint, router'],
  ])('is known by its labels: %s', (_, type, metadata, role) => {
    expect(roleOf(type, metadata)).toBe(role);
  });
});
