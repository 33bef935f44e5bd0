/** What proxies do with what they are sent: whom a client reaches by the plans of every proxy on the way, in random meshes. */
import { planOutbound } from '@isthmus/sdk/routing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterModel } from '../../src/model/index.js';
import { sharesOf } from '../../src/projection/split-horizon.js';
import { APPS, meshes, RUNS, souths } from '../support/arbitraries.js';
import { type ClusterSketch, derive } from '../support/derive.js';
import { pod } from '../support/objects.js';
import { proxiesOf, snapshotOf } from '../support/reach.js';

/** Each follows every plan of every proxy. */
const FEWER_RUNS = { ...RUNS, numRuns: 30 };

const hostOf = (app: string) => `${app}.shop.svc.cluster.local`;

function withClient(sketch: ClusterSketch, ip: string): ClusterSketch {
  return { ...sketch, objects: [...sketch.objects, pod('client-1', { ip, account: 'client' })] };
}

/** By the labels alone: who may answer a client of that cluster. */
function mayAnswer(own: ClusterModel, others: readonly ClusterModel[], key: string): ReadonlySet<string> {
  const scopeIn = (cluster: ClusterModel) => cluster.services.get(key)?.scope;
  const exporting = scopeIn(own) === 'local' ? [] : others.filter((cluster) => scopeIn(cluster) === 'global');
  return new Set([...(scopeIn(own) ? [own] : []), ...exporting].map(({ id }) => id));
}

describe('whoever answers a client', () => {
  it('is of a cluster that may: the own, or one that exports the service to a cluster that does not keep its name', () => {
    fc.assert(
      fc.property(meshes, souths, ({ east, west }, south) => {
        const sketches = [withClient(east, '10.1.8.1'), west, south];
        const [own, ...others] = sketches.map((sketch) => derive(sketch));
        const mesh = proxiesOf(...sketches);

        for (const app of [...APPS, 'd', 'd-0.d']) {
          // Of a headless Service the port is the pod's own.
          const port = app === 'd-0.d' ? 8080 : 80;
          const { answers } = mesh.reach('east', { kind: 'hostname', hostname: hostOf(app), port });
          const allowed = mayAnswer(own!, others, `shop/${hostOf(app.replace('d-0.', ''))}`);
          const clusters = [...answers].map((uid) => uid.slice(0, uid.indexOf('/')));
          expect(clusters.filter((id) => !allowed.has(id))).toEqual([]);
        }
      }),
      FEWER_RUNS,
    );
  });
});

/** Evenly over [0, 1), so that what is counted is what the weights say. */
const DRAWS = 500;

describe('what goes to another network', () => {
  it('is its share of the capacity that is ready, within 5 %, when nothing is preferred', () => {
    fc.assert(
      fc.property(meshes, ({ east, west }) => {
        const [own, other] = [derive(withClient(east, '10.1.8.1')), derive(west)];
        const snapshot = snapshotOf(proxiesOf(withClient(east, '10.1.8.1'), west).view('east', 'ztunnel'));
        const source = snapshot.workload('east//Pod/shop/client-1')!;

        for (const app of APPS) {
          const key = `shop/${hostOf(app)}`;
          const isBound = snapshot.service(key)?.waypoint !== undefined;
          const members = [
            ...own.workloads.values(),
            ...(mayAnswer(own, [other], key).has('west') ? other.workloads.values() : []),
          ].filter(({ services, healthy }) => services.has(key) && healthy);
          const near = members.filter(({ clusterId }) => clusterId === 'east').length;
          const far = members.filter((each) => each.clusterId === 'west' && each.tunnelProtocol === 'hbone').length;
          // Each gateway has a record, also where there are more gateways than pods.
          const isScarce = far < other.gateways.length;
          if (isBound || isScarce || other.gateways.length === 0 || near + far === 0) continue;

          const target = { kind: 'hostname', hostname: hostOf(app), port: 80 } as const;
          const plans = Array.from({ length: DRAWS }, (_, draw) =>
            planOutbound(snapshot, { source, network: 'network-1', target, random: () => (draw + 0.5) / DRAWS }),
          );

          const crossing = plans.filter(({ kind }) => kind === 'nested').length / DRAWS;
          expect(Math.abs(crossing - far / (near + far))).toBeLessThan(0.05);
        }
      }),
      RUNS,
    );
  });

  it('is spread over gateways and zones by what each can take, in whole shares', () => {
    const zones = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });

    fc.assert(
      fc.property(zones, fc.integer({ min: 1, max: 6 }), (capacities, gateways) => {
        const shares = sharesOf(capacities, gateways);

        const total = capacities.reduce((sum, capacity) => sum + capacity, 0);
        const byGateway = Array.from({ length: gateways }, (_, gateway) =>
          shares.reduce((sum, row) => sum + (row[gateway] ?? 0), 0),
        );
        expect(Math.max(...byGateway) - Math.min(...byGateway)).toBeLessThanOrEqual(1);
        expect(Math.min(...byGateway)).toBeGreaterThan(0);
        const sums = shares.map((row) => row.reduce((sum, share) => sum + share, 0));
        if (total >= gateways) expect(sums).toEqual(capacities);
      }),
      RUNS,
    );
  });
});
