import { describe, expect, it } from 'vitest';
import { EXPECTED } from '../../../lab/expected.js';
import { complaints, jsonReport } from '../../../lab/report.js';
import type { RunResult } from '../../../lab/run.js';

const WELL: RunResult = { ok: true, series: [], unknown: [], missing: [], wrong: [], failures: [] };
const LABELS = { reporter: 'waypoint', destination_service_name: 'reviews' };

describe('the report', () => {
  it('as JSON has the verdict, the series and what is not well', () => {
    const series = [{ metric: 'istio_requests_total', labels: LABELS, value: 3, proxy: 'east/waypoint' }];

    const report = jsonReport({ ...WELL, series }, 12.5);

    expect(JSON.parse(JSON.stringify(report))).toEqual({ ...WELL, series, seconds: 12.5 });
  });

  it('is one sentence when all is well', () => {
    expect(complaints(WELL)).toMatch(/^ok: all 0 series name both ends \(.*principal\)\n$/);
  });

  it('lists the unknown labels of a series in one line, and alike series once', () => {
    const entry = { proxy: 'east/waypoint', metric: 'istio_requests_total' } as const;
    const other = { ...LABELS, response_code: '404' };
    const unknown = [LABELS, other].flatMap((labels) => [
      { ...entry, labels, label: 'destination_workload' as const },
      { ...entry, labels, label: 'destination_cluster' as const },
    ]);

    const text = complaints({ ...WELL, ok: false, unknown });

    expect(text).toBe(
      'not ok: 4 labels are unknown\n' +
        '  east/waypoint  istio_requests_total{reporter="waypoint",destination_service_name="reviews"}  destination_workload, destination_cluster\n',
    );
  });

  it('says who should have reported whom, on which path', () => {
    const missing = EXPECTED.filter(({ labels }) => labels.reporter === 'waypoint').slice(0, 1);

    const text = complaints({ ...WELL, ok: false, missing });

    expect(text).toContain(
      'HTTP, east to west, waypoint of the caller: east/waypoint did not report storefront-v1 (east)',
    );
  });

  it('shows the first failures and how many there were', () => {
    const failures = Array.from({ length: 23 }, (_, number) => `call ${number}`);

    const text = complaints({ ...WELL, ok: false, failures });

    expect(text).toContain('not ok: 23 calls failed\n  call 0\n');
    expect(text).toContain('  ... and 3 more\n');
    expect(text).not.toContain('call 20');
  });
});
