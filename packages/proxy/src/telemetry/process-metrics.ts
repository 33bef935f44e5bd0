/** Metrics of the process itself (memory, CPU, descriptors, event loop) by prom-client; far from the data path. */
import { collectDefaultMetrics, type MetricObject, Registry } from 'prom-client';

export interface ProcessMetrics {
  /** Prometheus text format. */
  render(): Promise<string>;
  /** For another process of the group to merge. */
  state(): Promise<readonly MetricObject[]>;
}

export function createProcessMetrics(): ProcessMetrics {
  const register = new Registry();
  collectDefaultMetrics({ register });
  return { render: () => register.metrics(), state: async () => plain(await register.getMetricsAsJSON()) };
}

/** Without the functions prom-client keeps in them, which cannot travel. */
function plain(metrics: readonly MetricObject[]): readonly MetricObject[] {
  return JSON.parse(JSON.stringify(metrics));
}
