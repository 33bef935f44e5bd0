import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../../src/telemetry/catalog.js';
import { createRegistry, type Registry } from '../../../src/telemetry/registry.js';
import { parseMetrics, testTelemetry } from '../../support/telemetry.js';

const textOf = (registry: Registry) => [...registry.render()].join('');

describe('the registry', () => {
  it('renders Prometheus text with escaped values and leaves out families without series', () => {
    const registry = createRegistry({ clock: createVirtualClock(), maxSeries: 10, idleMs: 1_000 });
    const counter = registry.counter(METRICS.xdsMessages);
    registry.counter(METRICS.xdsTerminations);

    counter.series('url="a"').add(2);

    expect(textOf(registry)).toBe(
      '# HELP istio_xds_message_total Discovery responses received, by resource type (unstable).\n' +
        '# TYPE istio_xds_message_total counter\n' +
        'istio_xds_message_total{url="a"} 2\n',
    );
  });

  it('puts values into buckets whose bounds include them, and cumulates', () => {
    const registry = createRegistry({ clock: createVirtualClock(), maxSeries: 10, idleMs: 1_000 });
    const histogram = registry.histogram(METRICS.requestDuration);

    for (const value of [0.5, 1, 1.01, 4_000_000]) histogram.series('a="b"').observe(value);

    const samples = parseMetrics(textOf(registry));
    const bucket = (le: string) => samples.find(({ labels }) => labels.le === le)?.value;
    expect(samples.filter(({ name }) => name.endsWith('_bucket'))).toHaveLength(20);
    expect([bucket('0.5'), bucket('1'), bucket('5'), bucket('3600000'), bucket('+Inf')]).toEqual([1, 2, 3, 3, 4]);
    expect(samples.find(({ name }) => name.endsWith('_count'))?.value).toBe(4);
    expect(samples.find(({ name }) => name.endsWith('_sum'))?.value).toBeCloseTo(4_000_002.51);
  });

  it('drops a series that was idle for long, but never one that somebody holds', () => {
    const clock = createVirtualClock();
    const registry = createRegistry({ clock, maxSeries: 10, idleMs: 1_000 });
    const counter = registry.counter(METRICS.xdsMessages);

    counter.series('url="idle"').add(1);
    const held = counter.hold('url="held"');
    clock.advance(1_000);
    const after = parseMetrics(textOf(registry));
    counter.release(held);
    clock.advance(999);
    const soonAfterRelease = parseMetrics(textOf(registry));
    clock.advance(1);

    expect(after.map(({ labels }) => labels.url)).toEqual(['held']);
    expect(soonAfterRelease).toHaveLength(1);
    expect(textOf(registry)).toBe('');
  });

  it('counts what exceeds its bound in one overflow series, so that sums stay right', () => {
    const registry = createRegistry({ clock: createVirtualClock(), maxSeries: 3, idleMs: 1_000 });
    const counter = registry.counter(METRICS.xdsMessages);

    for (let index = 0; index < 100; index += 1) counter.series(`url="${index}"`).add(1);

    const samples = parseMetrics(textOf(registry));
    const messages = samples.filter(({ name }) => name === 'istio_xds_message_total');
    expect(messages).toHaveLength(4);
    expect(messages.reduce((sum, { value }) => sum + value, 0)).toBe(100);
    expect(messages.at(-1)).toMatchObject({ labels: { url: 'overflow' }, value: 97 });
    expect(samples.find(({ name }) => name === 'isthmus_metrics_overflow_total')).toMatchObject({
      labels: { metric: 'istio_xds_message_total' },
      value: 97,
    });
  });

  it('makes room by dropping idle series before it overflows', () => {
    const clock = createVirtualClock();
    const registry = createRegistry({ clock, maxSeries: 2, idleMs: 1_000 });
    const counter = registry.counter(METRICS.xdsMessages);

    counter.series('url="a"').add(1);
    counter.series('url="b"').add(1);
    clock.advance(1_000);
    counter.series('url="c"').add(1);

    expect(parseMetrics(textOf(registry)).map(({ labels }) => labels.url)).toEqual(['c']);
  });

  it('refuses one name for two families', () => {
    const registry = createRegistry({ clock: createVirtualClock(), maxSeries: 2, idleMs: 1_000 });
    registry.counter(METRICS.requests);

    expect(() => registry.counter(METRICS.requests)).toThrow('registered twice');
  });

  it('keeps build and proxy info for ever', () => {
    const system = testTelemetry({ idleMs: 10 });

    system.clock.advance(1_000_000);

    expect(system.samples('istio_build')).toMatchObject([{ labels: { component: 'ztunnel', tag: '1.2.3' }, value: 1 }]);
    expect(system.samples('isthmus_proxy_info')).toMatchObject([{ labels: { cluster: 'east', network: 'network-1' } }]);
  });

  it('stays within its bound under ten thousand hostile label sets of several kilobytes each', () => {
    const system = testTelemetry({ maxSeries: 50 });

    for (let index = 0; index < 10_000; index += 1) {
      const record = system.telemetry.connection({
        reporter: 'destination',
        source: { workload: `w${index}`.repeat(1_000) },
        destination: {},
        sourceAddress: 'a',
        destinationAddress: 'b',
        mutualTls: true,
      });
      record.opened();
      record.close({ kind: 'ok' });
    }

    const opened = system.samples('istio_tcp_connections_opened_total');
    expect(opened).toHaveLength(51);
    expect(opened.reduce((sum, { value }) => sum + value, 0)).toBe(10_000);
    expect(Math.max(...opened.map(({ labels }) => labels.source_workload?.length ?? 0))).toBeLessThanOrEqual(512);
  });

  it('renders in pieces of bounded length, however many label sets hostile peers have made', () => {
    const registry = createRegistry({ clock: createVirtualClock(), maxSeries: 1_000, idleMs: 1_000 });
    const histogram = registry.histogram(METRICS.requestDuration);
    for (let index = 0; index < 1_000; index += 1) histogram.series(`a="${index}${'x'.repeat(500)}"`).observe(1);

    const lengths = [...registry.render()].map(({ length }) => length);

    expect(lengths.length).toBeGreaterThan(100);
    expect(Math.max(...lengths)).toBeLessThan(100_000);
  });
});
