import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../../src/telemetry/catalog.js';
import { createCatalogRegistry } from '../../../src/telemetry/catalog-registry.js';
import { createMergedMetrics } from '../../../src/telemetry/merged.js';
import { parseMetrics } from '../../support/telemetry.js';

const HOUR_MS = 3_600_000;
const init = () => ({ clock: createVirtualClock(), maxSeries: 10, idleMs: HOUR_MS });

function countingProcess(bounds: Partial<ReturnType<typeof init>> = {}) {
  const { registry, family, histogram } = createCatalogRegistry({ ...init(), ...bounds });
  return { family, histogram, state: () => ({ mesh: registry.states(), process: [] }) };
}

async function valuesOf(pieces: Promise<Iterable<string>>): Promise<Record<string, number>> {
  return Object.fromEntries(
    parseMetrics([...(await pieces)].join('')).map(({ name, labels, value }) => [
      `${name} ${Object.values(labels).join(' ')}`.trim(),
      value,
    ]),
  );
}

describe('the metrics of several processes', () => {
  it('are the sums of their counters and histograms, and of gauges what their rows say', async () => {
    const [one, two] = [countingProcess(), countingProcess()];
    for (const [{ family, histogram }, amount] of [
      [one, 1],
      [two, 2],
    ] as const) {
      family('xdsMessages').series('url="a"').add(amount);
      family('socketsOpen').hold('reporter="source"').add(amount);
      family('build').hold('component="ztunnel",tag="1"').add(1);
      histogram('requestDuration').series('reporter="waypoint"').observe(amount);
    }

    const values = await valuesOf(createMergedMetrics(init()).render([one.state(), two.state()]));

    expect(values).toMatchObject({
      'istio_xds_message_total a': 3,
      'istio_tcp_sockets_open source': 3,
      'istio_build ztunnel 1': 1,
      'istio_request_duration_milliseconds_bucket waypoint 1': 1,
      'istio_request_duration_milliseconds_bucket waypoint +Inf': 2,
      'istio_request_duration_milliseconds_sum waypoint': 3,
      'istio_request_duration_milliseconds_count waypoint': 2,
    });
  });

  it('keep the counts of one that has ended, without its gauges, until they expire', async () => {
    const { clock, ...bounds } = init();
    const merged = createMergedMetrics({ clock, ...bounds });
    const ended = countingProcess();
    ended.family('xdsMessages').series('url="a"').add(5);
    ended.family('socketsOpen').hold('reporter="source"').add(5);

    merged.retire(ended.state());
    const kept = await valuesOf(merged.render([]));
    clock.advance(HOUR_MS);

    expect(kept).toEqual({ 'istio_xds_message_total a': 5 });
    expect(await valuesOf(merged.render([]))).toEqual({});
  });

  it('have one overflow series, however many processes overflow', async () => {
    const processes = [countingProcess({ maxSeries: 1 }), countingProcess({ maxSeries: 1 })];
    for (const { family } of processes)
      for (const url of ['a', 'b', 'c']) family('xdsMessages').series(`url="${url}"`).add(1);

    const values = await valuesOf(createMergedMetrics(init()).render(processes.map(({ state }) => state())));

    expect(values).toEqual({
      'istio_xds_message_total a': 2,
      'istio_xds_message_total overflow': 4,
      [`${METRICS.overflow.name} istio_xds_message_total`]: 4,
    });
  });
});
