import { describe, expect, it } from 'vitest';
import { slice } from '../../../lab/address-plan.js';
import { EXPECTED } from '../../../lab/expected.js';
import type { Series } from '../../../lab/series.js';
import { buildWorld } from '../../../lab/topology.js';
import { judge } from '../../../lab/verdict.js';

const world = buildWorld(slice(90));

type Labels = Record<string, string>;

/** What a lab reports in which everything went well. */
function wellSeries(): Series[] {
  return EXPECTED.map(({ proxy, metric, labels }) => ({
    proxy,
    metric,
    labels: { ...labels, ...endLabels('source', labels), ...endLabels('destination', labels) },
    value: 1,
  }));
}

function endLabels(end: 'source' | 'destination', labels: Readonly<Labels>): Labels {
  const { apps, gateways } = world.clusters[labels[`${end}_cluster`] as 'east' | 'west'];
  const pod = [...apps, ...gateways].find(({ workload }) => workload === labels[`${end}_workload`])!;
  return {
    [`${end}_workload_namespace`]: 'shop',
    [`${end}_canonical_service`]: pod.app,
    [`${end}_canonical_revision`]: pod.version,
    [`${end}_app`]: pod.app,
    [`${end}_version`]: pod.version,
    [`${end}_principal`]: `spiffe://cluster.local/ns/shop/sa/${pod.serviceAccount}`,
  };
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
    const series = wellSeries();
    const { source_app: _, ...labels } = series[1]!.labels;
    series[1] = { ...series[1]!, labels: { ...labels, destination_principal: value } };

    const verdict = judge(world, series);

    expect(verdict.ok).toBe(false);
    expect(verdict.unknown.map(({ label, proxy }) => `${proxy} ${label}`)).toEqual([
      'east/waypoint source_app',
      'east/waypoint destination_principal',
    ]);
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

  it('says when a label of a known end is another workload’s', () => {
    const series = wellSeries();
    series[1] = { ...series[1]!, labels: { ...series[1]!.labels, destination_version: 'v1' } };

    const verdict = judge(world, series);

    expect(verdict.wrong).toEqual([
      'east/waypoint istio_requests_total: destination_version of reviews-v2 in west is v1, not v2',
    ]);
  });
});
