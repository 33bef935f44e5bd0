export { configDump } from './config-dump.js';
export { createMetrics, type Metrics, type MetricsInput } from './metrics.js';
export { listenPages, type PagesInit } from './pages.js';
