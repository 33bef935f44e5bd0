/** The metrics page, under Prometheus' usual path and under Istio's. */
import type { Route } from './http.js';

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function metricsRoutes(render: () => Promise<string | Iterable<string>>): readonly Route[] {
  return ['/metrics', '/stats/prometheus'].map((path) => ({
    method: 'GET',
    path,
    summary: 'metrics in Prometheus text format',
    handle: async () => ({ status: 200, body: await render(), contentType: CONTENT_TYPE }),
  }));
}
