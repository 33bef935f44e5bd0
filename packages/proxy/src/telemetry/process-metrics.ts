/** Metrics of the process itself (memory, CPU, descriptors, event loop) by prom-client; far from the data path. */
import { collectDefaultMetrics, Registry } from 'prom-client';

/** Returns a function that renders them in Prometheus text format. */
export function createProcessMetrics(): () => Promise<string> {
  const register = new Registry();
  collectDefaultMetrics({ register });
  return () => register.metrics();
}
