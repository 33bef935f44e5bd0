import { describe, expect, it } from 'vitest';
import { slice } from '../../../lab/address-plan.js';
import { EXPECTED } from '../../../lab/expected.js';
import type { Series } from '../../../lab/series.js';
import { buildWorld } from '../../../lab/topology.js';
import { judge } from '../../../lab/verdict.js';

const world = buildWorld(slice(90));

const REST = {
  source_workload_namespace: 'shop',
  source_canonical_service: 'storefront',
  source_principal: 'spiffe://cluster.local/ns/shop/sa/storefront',
  destination_workload_namespace: 'shop',
  destination_canonical_service: 'reviews',
  destination_principal: 'spiffe://cluster.local/ns/shop/sa/reviews',
};

/** What a lab reports in which everything went well. */
function wellSeries(): Series[] {
  return EXPECTED.map(({ proxy, metric, labels }) => ({ proxy, metric, labels: { ...REST, ...labels }, value: 1 }));
}

describe('the verdict', () => {
  it('is well when every expected path was seen and both ends are named', () => {
    const verdict = judge(world, wellSeries());

    expect(verdict).toEqual({ ok: true, unknown: [], missing: [], wrong: [] });
  });

  it('lists a path that no series shows', () => {
    const [absent, ...rest] = wellSeries();

    const verdict = judge(world, rest);

    expect(verdict.ok).toBe(false);
    expect(verdict.missing.map(({ proxy }) => proxy)).toEqual([absent?.proxy]);
  });

  it('does not take a series that counts nothing for a path', () => {
    const series = wellSeries().map((each, index) => (index === 3 ? { ...each, value: 0 } : each));

    const verdict = judge(world, series);

    expect(verdict.missing).toHaveLength(1);
  });

  it.each(['unknown', ''])('lists each label of an end that reads %j', (value) => {
    const extra: Series = {
      proxy: 'east/waypoint',
      metric: 'istio_requests_total',
      labels: {
        ...REST,
        reporter: 'waypoint',
        destination_principal: value,
        source_workload: 'storefront-v1',
        destination_workload: 'reviews-v1',
        source_cluster: 'east',
      },
      value: 1,
    };

    const verdict = judge(world, [...wellSeries(), extra]);

    expect(verdict.ok).toBe(false);
    expect(verdict.unknown.map(({ label }) => label)).toEqual(['destination_cluster', 'destination_principal']);
  });

  it('says which workload is reported in a cluster where it does not run', () => {
    const series = wellSeries().map((each) =>
      each.labels.destination_workload === 'ledger-v1'
        ? { ...each, labels: { ...each.labels, destination_cluster: 'east' } }
        : each,
    );

    const verdict = judge(world, series);

    expect(verdict.wrong).toContain(
      'east/ztunnel istio_tcp_connections_opened_total: destination_workload ledger-v1 does not run in destination_cluster east',
    );
  });

  it('says when a ztunnel reports for a workload of the other cluster as its own', () => {
    const [first] = wellSeries().filter(({ proxy }) => proxy === 'east/ztunnel');

    const verdict = judge(world, [...wellSeries(), { ...first!, proxy: 'west/ztunnel' }]);

    expect(verdict.wrong).toEqual([
      'west/ztunnel istio_tcp_connections_opened_total: reports for storefront-v1 of east, which is not its own cluster',
    ]);
  });
});
