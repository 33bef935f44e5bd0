import { describe, expect, it } from 'vitest';
import type { Series } from '../../../lab/series.js';
import { layOut, renderTable } from '../../../lab/table.js';

const LABELS = {
  reporter: 'waypoint',
  source_workload: 'storefront-v1',
  source_workload_namespace: 'shop',
  source_cluster: 'east',
  destination_workload: 'reviews-v2',
  destination_workload_namespace: 'shop',
  destination_cluster: 'west',
  destination_service_name: 'reviews',
  request_protocol: 'http',
  response_code: '200',
  response_flags: '-',
};

function series(over: Partial<Series> = {}): Series {
  return { proxy: 'east/waypoint', metric: 'istio_requests_total', labels: LABELS, value: 2, ...over };
}

describe('the table', () => {
  it('adds up series that differ in labels it does not show', () => {
    const table = renderTable([series(), series({ labels: { ...LABELS, source_app: 'x' }, value: 3 })]);

    const [head, row, end] = table.split('\n');
    expect(head).toMatch(/^REPORTER {2}PROXY/);
    expect(row).toBe(
      'waypoint  east/waypoint  storefront-v1.shop (east, network-1)  reviews-v2.shop (west, network-2)  reviews  http       200  -          5  requests',
    );
    expect(end).toBe('');
  });

  it('orders by the way of a request: source, waypoint, destination', () => {
    const reporters = ['destination', 'waypoint', 'source'];

    const table = renderTable(reporters.map((reporter) => series({ labels: { ...LABELS, reporter } })));

    expect(table.match(/^(source|waypoint|destination)/gm)).toEqual(['source', 'waypoint', 'destination']);
  });

  it('leaves out bytes, durations and what was never counted', () => {
    const table = renderTable([series({ metric: 'istio_tcp_sent_bytes_total' }), series({ value: 0 })]);

    expect(table.trimEnd().split('\n')).toHaveLength(1);
  });

  it('names an end and its network unknown when they are', () => {
    const table = renderTable([
      series({ labels: { ...LABELS, destination_workload: 'unknown', destination_cluster: 'unknown' } }),
    ]);

    expect(table).toContain('unknown.shop (unknown, unknown)');
  });

  it('pads words to the left edge and numbers to the right', () => {
    expect(
      layOut([
        ['A', 'N'],
        ['long', '7'],
        ['x', '100'],
      ]),
    ).toBe('A     N\nlong    7\nx     100\n');
  });
});
