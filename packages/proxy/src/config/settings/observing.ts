/** Settings: what is told of the traffic: logs, pages, metrics. */
import { LOG_LEVELS, type LogLevel } from '@isthmus/sdk/runtime';
import { duration, integer, listenAddress, loopbackAddress, oneOf, rustLogLevel, text } from '../kinds.js';
import { type SettingTable, setting } from '../table.js';

export const OBSERVING = {
  logLevel: setting<LogLevel | undefined>({
    env: ['LOG_LEVEL'],
    kind: oneOf(...LOG_LEVELS),
    default: undefined,
    defaultText: 'the level in RUST_LOG, else info',
    doc: 'What is logged; POST /logging on the admin port changes it while running.',
  }),
  rustLog: setting<{ readonly level: LogLevel | undefined } | undefined>({
    env: ['RUST_LOG'],
    kind: rustLogLevel(LOG_LEVELS),
    default: undefined,
    doc: "ztunnel's name for LOG_LEVEL, which comes before it. Only a level for everything counts; those of single targets (access=debug) are ztunnel's own.",
  }),
  logFormat: setting<'plain' | 'json'>({
    env: ['LOG_FORMAT'],
    kind: oneOf('plain', 'json'),
    default: 'plain',
    doc: 'plain: tab separated as ztunnel writes it. json: one object per line.',
  }),
  accessLogIntervalMs: setting<number>({
    env: ['ACCESS_LOG_INTERVAL'],
    kind: duration,
    default: 0,
    defaultText: 'none',
    doc: 'A line in the access log for every connection that has been open this long, and again each time it has passed; without it a connection of hours is in the log only when it ends. Its bytes are in the metrics all the while.',
  }),
  adminAddress: setting({
    env: ['ADMIN_ADDRESS'],
    kind: loopbackAddress,
    default: { host: '127.0.0.1', port: 15000 },
    defaultText: '127.0.0.1:15000',
    doc: 'Configuration dump, log level, drain. Loopback only, because it can stop the proxy and shows the whole mesh.',
  }),
  metricsAddress: setting({
    env: ['METRICS_ADDRESS'],
    kind: listenAddress,
    default: { host: '0.0.0.0', port: 15020 },
    defaultText: '0.0.0.0:15020',
    doc: 'Prometheus metrics on /metrics and /stats/prometheus.',
  }),
  readinessAddress: setting({
    env: ['READINESS_ADDRESS'],
    kind: listenAddress,
    default: { host: '0.0.0.0', port: 15021 },
    defaultText: '0.0.0.0:15021',
    doc: 'GET /healthz/ready answers 200 once everything the proxy needs is there, else 500 with what is pending.',
  }),
  metricsMaxSeries: setting<number>({
    env: ['METRICS_MAX_SERIES'],
    kind: integer(100, 1_000_000),
    default: 20_000,
    doc: 'Most label sets one metric family may hold. Beyond it, what comes is counted in a series whose labels read "overflow", so sums stay right and memory stays bounded.',
  }),
  metricsIdleMs: setting<number>({
    env: ['METRICS_IDLE_TIMEOUT'],
    kind: duration,
    default: 3_600_000,
    defaultText: '1h',
    doc: 'A series that nothing has touched for this long and no open connection uses disappears. Keep it well above the scrape interval.',
  }),
  istioVersion: setting<string>({
    env: ['ISTIO_META_ISTIO_VERSION'],
    kind: text,
    default: 'unknown',
    doc: 'The tag of istio_build.',
  }),
} satisfies SettingTable;
