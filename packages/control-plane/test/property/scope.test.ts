import type { Workload } from '@isthmus/sdk/discovery';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meshes, RUNS } from '../support/arbitraries.js';
import { type ClusterSketch, derive, viewOf } from '../support/derive.js';

const keyOf = (app: string) => `shop/${app}.shop.svc.cluster.local`;

/** By the labels alone: whether that cluster exports the service. */
function isExported({ objects }: ClusterSketch, app: string): boolean {
  return objects.some(
    ({ kind, metadata }) =>
      kind === 'Service' &&
      (metadata as { name: string }).name === app &&
      JSON.stringify(metadata).includes('"istio.io/global":"true"'),
  );
}

function hasService({ objects }: ClusterSketch, app: string): boolean {
  return objects.some(({ kind, metadata }) => kind === 'Service' && (metadata as { name: string }).name === app);
}

/** Sum of weights; every member weighs 1. */
function countByZone(workloads: readonly Pick<Workload, 'locality' | 'capacity'>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { locality, capacity } of workloads) counts[locality.zone] = (counts[locality.zone] ?? 0) + capacity;
  return counts;
}

describe('scope', () => {
  it('lets nothing of a service cross unless its owner exports it and the other side does not keep the name to itself', () => {
    fc.assert(
      fc.property(meshes, ({ east, west }) => {
        const atEast = viewOf('ztunnel', east, west);
        const atWestGateway = viewOf('router', west, east);

        for (const app of ['a', 'b']) {
          const isOffered = isExported(west, app);
          const isWanted = isExported(east, app) || !hasService(east, app);
          const records = [...atEast.workloads.values()].filter(
            ({ services, network }) => network === 'network-2' && services.has(keyOf(app)),
          );
          if (!isOffered || !isWanted) expect(records).toEqual([]);
          expect(atWestGateway.services.has(keyOf(app))).toBe(isOffered);
          expect(
            [...atWestGateway.workloads.values()].some(({ services }) => services.has(keyOf(app))) && !isOffered,
          ).toBe(false);
        }
      }),
      RUNS,
    );
  });

  it('never shows a pod of another network, nor a gateway anything that serves nothing exported', () => {
    fc.assert(
      fc.property(meshes, ({ east, west }) => {
        const atEast = viewOf('ztunnel', east, west);
        const atWestGateway = viewOf('router', west, east);

        expect([...atEast.workloads.keys()].filter((uid) => uid.startsWith('west/'))).toEqual([]);
        expect(
          [...atWestGateway.workloads.values()].filter(
            ({ services, network }) => services.size === 0 || network !== 'network-2',
          ),
        ).toEqual([]);
      }),
      RUNS,
    );
  });

  it('has a record for another network exactly when something there is ready, takes HBONE and can be reached; its weight is their number in each zone, or one per gateway when that is more', () => {
    fc.assert(
      fc.property(meshes, ({ east, west }) => {
        const view = viewOf('ztunnel', east, west);
        const far = derive(west, false);
        const gateways = far.gateways.length;

        for (const app of ['a', 'b']) {
          const key = keyOf(app);
          const crosses = isExported(west, app) && (isExported(east, app) || !hasService(east, app));
          const members = [...far.workloads.values()].filter(
            ({ services, healthy, tunnelProtocol }) => services.has(key) && healthy && tunnelProtocol === 'hbone',
          );
          const records = [...view.workloads.values()].filter(
            ({ uid, services }) => uid.includes('/SplitHorizonWorkload/') && services.has(key),
          );
          const weight = records.reduce((sum, { capacity }) => sum + capacity, 0);
          const reachable = crosses && gateways > 0 && members.length > 0;
          expect(weight).toBe(reachable ? Math.max(gateways, members.length) : 0);
          // Each gateway can be fallen back on.
          const told = new Set(records.map(({ networkGateway }) => JSON.stringify(networkGateway)));
          expect(told.size).toBe(reachable ? gateways : 0);
          if (reachable && members.length >= gateways) expect(countByZone(records)).toEqual(countByZone(members));
          expect(records.every(({ capacity }) => capacity > 0)).toBe(true);
        }
      }),
      RUNS,
    );
  });
});
