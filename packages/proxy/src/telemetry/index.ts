/**
 * Telemetry as the program sees it: what the data path reports goes in by `telemetry`, metrics text comes out by
 * `render`. Every metric of the catalog is registered here, once.
 */
import type { Clock } from '@isthmus/sdk/runtime';
import { type AccessLogInit, createAccessLog } from './access-log.js';
import { METRICS, type MetricName } from './catalog.js';
import { openConnectionRecord, type RecordContext } from './connection-record.js';
import { pair } from './label-sets.js';
import { createRegistry, type Family } from './registry.js';
import { createRequestRecorder } from './request-record.js';
import type { NumberSeries } from './series.js';
import type { Telemetry } from './types.js';

export interface TelemetryInit {
  readonly clock: Clock;
  readonly maxSeries: number;
  readonly idleMs: number;
  readonly accessLog: Omit<AccessLogInit, 'clock'>;
  /** Who this proxy is, for `istio_build` and `isthmus_proxy_info`. */
  readonly about: {
    readonly component: string;
    readonly tag: string;
    readonly role: string;
    readonly cluster: string;
    readonly network: string;
    readonly node: string;
  };
}

export interface TelemetrySystem {
  readonly telemetry: Telemetry;
  /** What the discovery client reports. */
  readonly xds: {
    message(typeUrl: string): void;
    terminated(reason: 'ConnectionError' | 'Error' | 'Reconnect' | 'Complete'): void;
  };
  /** Prometheus text format 0.0.4. */
  render(): string;
}

export function createTelemetry(init: TelemetryInit): TelemetrySystem {
  const { clock, about } = init;
  const registry = createRegistry(init);
  const accessLog = createAccessLog({ ...init.accessLog, clock });
  const numbers = new Map<MetricName, Family<NumberSeries>>();
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const row = METRICS[name];
    if (name !== 'overflow' && row.kind !== 'histogram') numbers.set(name, registry.counter(row));
  }
  const family = (name: MetricName): Family<NumberSeries> => {
    const found = numbers.get(name);
    if (!found) throw new Error(`${name} is not a counter`);
    return found;
  };

  const { component, tag, role, cluster, network, node } = about;
  family('build').hold(pairs({ component, tag })).add(1);
  family('info').hold(pairs({ role, cluster, network, node })).add(1);

  const context: RecordContext = { clock, accessLog, family, socketsOpen: family('socketsOpen') };
  const recordRequest = createRequestRecorder({
    requests: family('requests'),
    duration: registry.histogram(METRICS.requestDuration),
    requestBytes: registry.histogram(METRICS.requestBytes),
    responseBytes: registry.histogram(METRICS.responseBytes),
  });

  return {
    telemetry: {
      connection: (facts) => openConnectionRecord(facts, context),
      request(facts) {
        recordRequest(facts);
        accessLog.request(facts);
      },
      earlyDeny: (facts) => accessLog.denied(facts),
    },
    xds: {
      message: (typeUrl) => family('xdsMessages').series(pair('url', typeUrl)).add(1),
      terminated: (reason) => family('xdsTerminations').series(pair('reason', reason)).add(1),
    },
    render: () => registry.render(),
  };
}

function pairs(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => pair(name, value))
    .join(',');
}
