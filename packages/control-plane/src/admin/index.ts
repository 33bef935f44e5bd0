export { clusterz, networkz } from './clusterz.js';
export { configDump } from './config-dump.js';
export { createExplainer, type ExplainedCluster, type FullExplanation } from './explain.js';
export { createMetrics, type Metrics, type MetricsInput } from './metrics.js';
export { listenPages, type PagesInit } from './pages.js';
export { type ScopeRow, scopeRows } from './scope.js';
export { syncz } from './syncz.js';
