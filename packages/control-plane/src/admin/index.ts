export { configDump } from './config-dump.js';
export { createExplainer } from './explain.js';
export { createMetrics, type Metrics, type MetricsInput } from './metrics.js';
export { listenPages, type PagesInit } from './pages.js';
export { type ScopeRow, scopeRows } from './scope.js';
export { syncz } from './syncz.js';
