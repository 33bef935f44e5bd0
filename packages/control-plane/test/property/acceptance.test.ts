/**
 * Acceptance of a mesh of several clusters, by number; docs/acceptance.md lists where the other numbers are. Every proxy on
 * the way plans from what its own control plane sends it.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createViews } from '../../src/xds/index.js';
import { meshes, RUNS } from '../support/arbitraries.js';
import { type ClusterSketch, createCluster, derive, modelOf } from '../support/derive.js';
import {
  AMBIENT,
  eastWestGateway,
  GLOBAL,
  type Manifest,
  namespace,
  pod,
  service,
  waypoint,
  waypointPod,
} from '../support/objects.js';
import { proxiesOf } from '../support/reach.js';

const HOST = 'reviews.shop.svc.cluster.local';
const KEY = `shop/${HOST}`;
const byName = { kind: 'hostname', hostname: HOST, port: 80 } as const;

type Scope = 'none' | 'local' | 'global';
const SCOPES: readonly Scope[] = ['none', 'local', 'global'];

interface Side {
  readonly id: string;
  readonly network: string;
  readonly octet: number;
  readonly objects: readonly Manifest[];
  readonly trustDomain?: string;
  readonly isWaypointReady?: boolean;
}

/** A cluster with a client, a waypoint and a gateway, whose addresses start with 10 and `octet`. */
function side({ id, network, octet, objects, isWaypointReady = true, ...more }: Side): ClusterSketch {
  return {
    ...more,
    id,
    network,
    objects: [
      namespace('shop', AMBIENT),
      pod('client-1', { ip: `10.${octet}.0.1`, account: 'client' }),
      ...waypoint(),
      waypointPod('waypoint', { ip: `10.${octet}.0.9`, ready: isWaypointReady }),
      eastWestGateway(network, `192.0.2.${octet}`),
      ...objects,
    ],
  };
}

const reviewsPod = (octet: number, more = {}) =>
  pod('reviews-1', { ip: `10.${octet}.0.2`, account: 'reviews', ...more });

function reviews(scope: Scope, isBound: boolean, clusterIP: string): readonly Manifest[] {
  const binding = isBound ? { 'istio.io/use-waypoint': 'waypoint' } : {};
  const labels = { ...(scope === 'global' ? GLOBAL : {}), ...binding };
  return scope === 'none' ? [] : [service('reviews', { labels, spec: { clusterIP } })];
}

describe('6.6-3 scope matrix', () => {
  const matrix = SCOPES.flatMap((own) =>
    SCOPES.flatMap((other) =>
      [false, true].flatMap((isBound) =>
        ['network-2', 'network-1'].map((network) => ({ own, other, network, isBound })),
      ),
    ),
  );

  it.each(matrix)(
    'own $own, other $other on $network, behind a waypoint $isBound: who answers is who may, the rest is refused with a reason',
    ({ own, other, network, isBound }) => {
      const mesh = proxiesOf(
        side({
          id: 'east',
          network: 'network-1',
          octet: 1,
          objects: [...reviews(own, isBound, '10.0.0.5'), reviewsPod(1)],
        }),
        side({ id: 'west', network, octet: 2, objects: [...reviews(other, isBound, '10.0.0.6'), reviewsPod(2)] }),
      );

      const { answers, refusals } = mesh.reach('east', byName);

      const near = own === 'none' ? [] : ['east//Pod/shop/reviews-1'];
      const far = own !== 'local' && other === 'global' ? ['west//Pod/shop/reviews-1'] : [];
      expect([...answers].sort()).toEqual([...near, ...far]);
      expect(refusals.size > 0).toBe(answers.size === 0);
    },
  );

  it.each(['network-2', 'network-1'])(
    'a service kept local never leaves by the waypoint it shares with an exported one, nor is it answered, on %s',
    (network) => {
      const kept = (labels: Record<string, string>, ip: string) =>
        service('kept', { labels: { ...labels, 'istio.io/use-waypoint': 'waypoint' }, spec: { clusterIP: ip } });
      for (const theirs of [{}, GLOBAL]) {
        for (const isReady of [true, false]) {
          const mesh = proxiesOf(
            side({
              id: 'east',
              network: 'network-1',
              octet: 1,
              isWaypointReady: isReady,
              objects: [
                ...reviews('global', true, '10.0.0.5'),
                kept({}, '10.0.0.7'),
                pod('kept-1', { ip: '10.1.0.3' }),
              ],
            }),
            side({
              id: 'west',
              network,
              octet: 2,
              objects: [
                ...reviews('global', true, '10.0.0.6'),
                kept(theirs, '10.0.0.7'),
                pod('kept-1', { ip: '10.2.0.3' }),
                reviewsPod(2),
              ],
            }),
          );

          for (const target of [
            { kind: 'hostname', hostname: 'kept.shop.svc.cluster.local', port: 80 },
            { kind: 'address', ip: '10.0.0.7', port: 80 },
          ] as const) {
            const { answers, refusals, crossed } = mesh.reach('east', target);
            expect([...answers]).toEqual(isReady ? ['east//Pod/shop/kept-1'] : []);
            expect(refusals.size > 0).toBe(!isReady);
            expect(crossed).toBe(false);
          }
        }
      }
    },
  );
});

describe('6.6-4 remote readiness', () => {
  it('nothing crosses while no pod there is ready; when one is back, traffic returns', () => {
    const east = side({
      id: 'east',
      network: 'network-1',
      octet: 1,
      objects: [...reviews('global', false, '10.0.0.5'), reviewsPod(1)],
    });
    const west = (ready: boolean) =>
      side({
        id: 'west',
        network: 'network-2',
        octet: 2,
        objects: [...reviews('global', false, '10.0.0.6'), reviewsPod(2, { ready })],
      });

    const [before, without, after] = [true, false, true].map((ready) =>
      proxiesOf(east, west(ready)).reach('east', byName),
    );

    const both = ['east//Pod/shop/reviews-1', 'west//Pod/shop/reviews-1'];
    expect([...before!.answers].sort()).toEqual(both);
    expect(without).toMatchObject({ answers: new Set(both.slice(0, 1)), crossed: false });
    expect([...after!.answers].sort()).toEqual(both);
  });
});

describe('6.6-9 non-mesh pods', () => {
  it('behind a global service are never chosen from another network', () => {
    fc.assert(
      fc.property(meshes, ({ east, west }) => {
        const client = pod('client-1', { ip: '10.1.8.1' });
        const mesh = proxiesOf({ ...east, objects: [...east.objects, client] }, west);
        const captured = derive(west).workloads;

        for (const name of ['a', 'b']) {
          const { answers } = mesh.reach('east', {
            kind: 'hostname',
            hostname: `${name}.shop.svc.cluster.local`,
            port: 80,
          });
          const far = [...answers].filter((uid) => uid.startsWith('west/'));
          expect(far.filter((uid) => captured.get(uid)?.tunnelProtocol !== 'hbone')).toEqual([]);
          expect(far.filter((uid) => captured.get(uid)?.healthy !== true)).toEqual([]);
        }
      }),
      { ...RUNS, numRuns: 40 },
    );
  });
});

describe('6.6-10 same service CIDR in two clusters of one network', () => {
  it("an address reaches the own cluster's service, the other goes by its name, with and without waypoints", () => {
    for (const isBound of [false, true]) {
      const binding = isBound ? { 'istio.io/use-waypoint': 'waypoint' } : {};
      const stock = service('stock', { labels: { ...GLOBAL, ...binding }, spec: { clusterIP: '10.0.0.5' } });
      const mesh = proxiesOf(
        side({
          id: 'east',
          network: 'network-1',
          octet: 1,
          objects: [...reviews('global', isBound, '10.0.0.5'), reviewsPod(1)],
        }),
        side({ id: 'west', network: 'network-1', octet: 2, objects: [stock, pod('stock-1', { ip: '10.2.0.3' })] }),
      );
      const at = { kind: 'address', ip: '10.0.0.5', port: 80 } as const;

      expect(mesh.reach('east', at)).toMatchObject({
        answers: new Set(['east//Pod/shop/reviews-1']),
        refusals: new Set(),
      });
      expect(mesh.reach('west', at)).toMatchObject({
        answers: new Set(['west//Pod/shop/stock-1']),
        refusals: new Set(),
      });
      const stockByName = { ...byName, hostname: 'stock.shop.svc.cluster.local' };
      expect(mesh.reach('east', stockByName).answers).toEqual(new Set(['west//Pod/shop/stock-1']));
    }
  });
});

describe('6.6-11 remote-only service', () => {
  it('is resolvable to an address of this network and reachable by it and by its name', () => {
    for (const isBound of [false, true]) {
      const mesh = proxiesOf(
        side({ id: 'east', network: 'network-1', octet: 1, objects: [] }),
        side({
          id: 'west',
          network: 'network-2',
          octet: 2,
          objects: [...reviews('global', isBound, '10.0.0.6'), reviewsPod(2)],
        }),
      );
      const vip = mesh
        .view('east', 'ztunnel')
        .services.get(KEY)
        ?.addresses.find(({ network }) => network === 'network-1');

      const found = { answers: new Set(['west//Pod/shop/reviews-1']), refusals: new Set() };
      expect(vip?.ip).toMatch(/^240\.240\./);
      expect(mesh.reach('east', { kind: 'address', ip: vip?.ip ?? '', port: 80 })).toMatchObject(found);
      expect(mesh.reach('east', byName)).toMatchObject(found);
    }
  });
});

describe('6.6-12 mixed trust domains', () => {
  it.each(['network-2', 'network-1'])(
    'every identity that is expected is of the domain of who bears it, on %s',
    (network) => {
      const binding = { 'istio.io/use-waypoint': 'waypoint' };
      const objects = (octet: number) => [service('reviews', { labels: { ...GLOBAL, ...binding } }), reviewsPod(octet)];
      const mesh = proxiesOf(
        side({ id: 'east', network: 'network-1', octet: 1, objects: objects(1), trustDomain: 'east.example' }),
        side({ id: 'west', network, octet: 2, objects: objects(2), trustDomain: 'west.example' }),
      );
      const view = mesh.view('east', 'ztunnel');

      for (const { clusterId, trustDomain } of view.workloads.values())
        expect(trustDomain).toBe(`${clusterId}.example`);
      const expected =
        network === 'network-2'
          ? ['reviews', 'waypoint'].map((account) => `spiffe://west.example/ns/shop/sa/${account}`)
          : [];
      expect(view.services.get(KEY)?.subjectAltNames).toEqual(expected);
      expect([...mesh.reach('east', byName).answers].sort()).toEqual([
        'east//Pod/shop/reviews-1',
        'west//Pod/shop/reviews-1',
      ]);
    },
  );
});

describe('6.6-14 many global services on three networks', () => {
  /** A tenth of the 10,000, so that every test run can afford it; `npm run bench:xds` measures the whole. */
  const SERVICES = 1_000;

  it('a change of one is told in the bytes and the time of one', () => {
    const cluster = (id: string, network: string, isExtra: boolean): ClusterSketch => ({
      id,
      network,
      objects: Array.from({ length: SERVICES / 10 }, (_, index) => [
        namespace(`team-${index}`, AMBIENT),
        ...Array.from({ length: 10 }, (_, number) => {
          const labels = index === 0 && number === 0 && !isExtra ? {} : GLOBAL;
          return service(`s-${number}`, {
            namespace: `team-${index}`,
            labels,
            spec: { clusterIP: `10.1.${index}.${number + 1}` },
          });
        }),
        pod('s-0', { namespace: `team-${index}`, ip: `10.2.${index}.1`, labels: { app: 's-0' } }),
      ]).flat(),
    });
    const own = createCluster(true);
    const others = ['west', 'north'].map((id) => createCluster(false)(cluster(id, `network-of-${id}`, true)));
    const views = createViews('east');
    const show = (isExtra: boolean) => {
      views.publish(modelOf(own(cluster('east', 'network-1', isExtra)), ...others));
      const before = process.cpuUsage();
      const view = views.current('ztunnel');
      const { user, system } = process.cpuUsage(before);
      if (!view) throw new Error('nothing is shown');
      return { view, micros: user + system };
    };
    const first = show(true);

    const next = show(false);

    const everything = sizeOf(first.view.resources.address);
    const change = sizeOf(next.view.changesSince('address', first.view.version) ?? new Map());
    expect(first.view.resources.address.size).toBeGreaterThan(SERVICES);
    expect(change).toBeGreaterThan(0);
    expect(change).toBeLessThan(everything / 300);
    expect(next.micros).toBeLessThan(first.micros / 3);
  });
});

/** Bytes. */
function sizeOf(resources: Iterable<readonly [string, { readonly bytes: Uint8Array } | undefined]>): number {
  return [...resources].reduce((sum, [name, resource]) => sum + (resource?.bytes.length ?? name.length), 0);
}
