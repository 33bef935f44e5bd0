/** What a peer says that is well formed and still not its to say, or more than it may: none of it reaches a proxy. */
import type { ResourceModel, Service, Workload } from '@isthmus/sdk/discovery';
import { describe, expect, it } from 'vitest';
import { exportView } from '../../src/federation/exports.js';
import { createImports } from '../../src/federation/imports.js';
import type { ClusterModel } from '../../src/model/index.js';
import { project } from '../../src/projection/index.js';
import { encodeView } from '../../src/xds/encode.js';
import { derive, modelOf, shopIn } from '../support/derive.js';
import { AMBIENT, eastWestGateway, GLOBAL, keyOf, namespace, pod, service } from '../support/objects.js';

const PEER = { cluster: 'west', network: 'network-2', trustDomain: 'west.example', roots: '', address: 'west:15013' };
const NEAR = { ...PEER, network: 'network-1' };
const REVIEWS = keyOf('reviews');

const east = derive(shopIn('east', 'network-1'));
const westObjects = [
  namespace('shop', AMBIENT),
  eastWestGateway('network-2', '192.0.2.2'),
  service('reviews', { labels: GLOBAL }),
  pod('reviews-1', { account: 'reviews' }),
];

/** All that an honest peer of that kind says. */
function said(peer: typeof PEER): readonly ResourceModel[] {
  const { network, trustDomain } = peer;
  const cluster = derive({ id: 'west', network, trustDomain, objects: westObjects }, false);
  const distance = network === 'network-1' ? 'same network' : 'other network';
  const { services, workloads } = exportView(cluster, { distance, scope: undefined }, undefined);
  return [
    ...[...services.values()].map((value) => ({ kind: 'service', value }) as const),
    ...[...workloads.values()].map((value) => ({ kind: 'workload', value }) as const),
  ];
}

interface Lies {
  readonly service?: Partial<Service>;
  readonly workload?: Partial<Workload>;
}

/** The same, but for what it says of its service and of what stands behind it. */
function lied(peer: typeof PEER, lies: Lies) {
  const reasons: string[] = [];
  const imports = createImports(peer, (reason) => reasons.push(reason));
  const upserts = said(peer).map((resource): ResourceModel => {
    if (resource.kind === 'service') return { ...resource, value: { ...resource.value, ...lies.service } };
    if (resource.kind !== 'workload' || resource.value.services.size === 0) return resource;
    return { ...resource, value: { ...resource.value, ...lies.workload } };
  });
  imports.apply({ upserts, removals: [] });
  return { imports, reasons, cluster: imports.model() };
}

function seenFromEast(cluster: ClusterModel) {
  const view = project(modelOf(east, cluster), { cluster: 'east', role: 'ztunnel' });
  // Whatever a peer says, what follows from it has to go into bytes.
  encodeView(view);
  return view;
}

describe('what an honest peer says', () => {
  it.each([PEER, NEAR])('is taken over, from $network', (peer) => {
    const { reasons, cluster } = lied(peer, {});

    const view = seenFromEast(cluster);

    expect(reasons).toEqual([]);
    expect(view.services.has(REVIEWS)).toBe(true);
  });
});

describe('a peer', () => {
  it('that says of endless capacity takes nothing from the others: what is sent stays within bounds', () => {
    const { cluster } = lied(PEER, { workload: { capacity: 2 ** 32 - 1 } });
    const more = { ...cluster, id: 'north' };

    const view = project(modelOf(east, cluster, more), { cluster: 'east', role: 'ztunnel' });

    expect(() => encodeView(view)).not.toThrow();
    const records = [...view.workloads.values()].filter(({ uid }) => uid.includes('SplitHorizonWorkload'));
    expect(records.map(({ capacity }) => capacity)).toEqual([2 ** 32 - 1]);
  });

  it.each(['spiffe://cluster.local/ns/shop/sa/admin', 'spiffe://east.example/ns/shop/sa/admin'])(
    'names nobody of another trust domain as who may answer for its service: %s',
    (name) => {
      const { imports, reasons, cluster } = lied(PEER, { service: { subjectAltNames: [name] } });

      const view = seenFromEast(cluster);

      expect(JSON.stringify([...view.services.values()])).not.toContain(name);
      expect(reasons).toEqual(['foreign-trust-domain']);
      expect(imports.problems).toEqual([expect.stringContaining(name)]);
    },
  );

  it('may name its own, and what is no SPIFFE id', () => {
    const subjectAltNames = ['spiffe://west.example/ns/shop/sa/reviews', 'reviews.example.com'];

    const { reasons } = lied(PEER, { service: { subjectAltNames } });

    expect(reasons).toEqual([]);
  });

  it('on the same network places nothing on our nodes, binds none of our policies and makes none of its pods a gateway', () => {
    const { cluster } = lied(NEAR, {
      workload: {
        node: 'node-1',
        authorizationPolicies: ['shop/allow-all'],
        networkGateway: {
          destination: { kind: 'address', address: { network: 'network-3', ip: '192.0.2.66' } },
          hboneMtlsPort: 15008,
        },
      },
    });

    const told = [...seenFromEast(cluster).workloads.values()].find(({ clusterId }) => clusterId === 'west');

    expect(told).toMatchObject({ node: '', authorizationPolicies: [] });
    expect(told?.networkGateway).toBeUndefined();
  });

  it('takes no uid that this control plane gives, whatever its own id is', () => {
    const peer = { ...NEAR, cluster: 'network-3' };
    const uid = `network-3/SplitHorizonWorkload/istio-system/eastwest/192.0.2.3/shop/reviews`;
    const imports = createImports(peer);
    const workload = [
      ...derive({
        id: 'network-3',
        network: 'network-1',
        trustDomain: 'west.example',
        objects: [pod('a-1')],
      }).workloads.values(),
    ];

    imports.apply({ upserts: workload.map((value) => ({ kind: 'workload', value: { ...value, uid } })), removals: [] });

    expect(imports.records.workloads).toBe(0);
    expect(imports.problems).toEqual([expect.stringMatching(/no uid of cluster network-3/)]);
  });

  it('on the same network has no address out of the block that is ours to give', () => {
    const reserved = [{ network: 'network-1', ip: '240.240.9.9' }];
    const { cluster } = lied(NEAR, { service: { addresses: reserved } });

    const { addresses } = seenFromEast(cluster).services.get(REVIEWS)!;

    expect(addresses).toEqual([]);
  });
});
