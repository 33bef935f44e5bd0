export { configDump } from './config-dump.js';
export { jsonPage, listenHttp, type Page, type Routes, textPage } from './http.js';
export { createMetrics, type Metrics, type MetricsInput } from './metrics.js';
