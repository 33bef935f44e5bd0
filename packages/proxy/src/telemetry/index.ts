/**
 * Telemetry as the program sees it: what the data path reports goes in by `telemetry`, metrics text comes out by
 * `render`. Every metric of the catalog is registered here, once.
 */
import type { Clock } from '@isthmus/sdk/runtime';
import { type AccessLogInit, createAccessLog } from './access-log.js';
import { createCatalogRegistry } from './catalog-registry.js';
import { openConnectionRecord, type RecordContext } from './connection-record.js';
import { pair } from './label-sets.js';
import { createOpenConnections } from './open-connections.js';
import type { FamilyState } from './registry.js';
import { createRequestRecorder } from './request-record.js';
import type { OpenConnectionFacts, Telemetry } from './types.js';

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
    /** `bytes` of its resources. */
    message(typeUrl: string, bytes: number): void;
    terminated(reason: 'ConnectionError' | 'Error' | 'Reconnect' | 'Complete'): void;
  };
  /** Connections under way. */
  open(): Iterable<OpenConnectionFacts>;
  /** A line in the access log for each that has been open for so long. */
  logOpen(olderThanMs: number): void;
  /** Prometheus text format 0.0.4, in pieces. */
  render(): Iterable<string>;
  /** The same numbers, for another process of the group to merge. */
  states(): readonly FamilyState[];
  /** Of this process as the head of worker processes. */
  readonly workers: {
    count(state: 'serving' | 'starting', change: 1 | -1): void;
    restarted(): void;
  };
}

export function createTelemetry(init: TelemetryInit): TelemetrySystem {
  const { clock, about } = init;
  const { registry, family, histogram } = createCatalogRegistry(init);
  const accessLog = createAccessLog({ ...init.accessLog, clock });

  const { component, tag, role, cluster, network, node } = about;
  family('build').hold(pairs({ component, tag })).add(1);
  family('info').hold(pairs({ role, cluster, network, node })).add(1);

  const open = createOpenConnections(clock);
  const crlRejections = family('crlRejections');
  const context: RecordContext = { clock, accessLog, family, open, socketsOpen: family('socketsOpen'), crlRejections };
  const recordRequest = createRequestRecorder({
    requests: family('requests'),
    duration: histogram('requestDuration'),
    requestBytes: histogram('requestBytes'),
    responseBytes: histogram('responseBytes'),
  });

  return {
    telemetry: {
      connection: (facts) => openConnectionRecord(facts, context),
      request(facts) {
        recordRequest(facts);
        accessLog.request(facts);
      },
      earlyDeny(facts) {
        if (facts.code === 'CERT_REVOKED') crlRejections.series(pair('reporter', facts.reporter)).add(1);
        accessLog.denied(facts);
      },
    },
    xds: {
      message(typeUrl, bytes) {
        family('xdsMessages').series(pair('url', typeUrl)).add(1);
        family('xdsMessageBytes').series(pair('url', typeUrl)).add(bytes);
      },
      terminated: (reason) => family('xdsTerminations').series(pair('reason', reason)).add(1),
    },
    open: open.list,
    logOpen(olderThanMs) {
      for (const connection of open.list()) if (connection.durationMs >= olderThanMs) accessLog.ongoing(connection);
    },
    render: () => registry.render(),
    states: () => registry.states(),
    workers: {
      count: (state, change) => family('workers').hold(pair('state', state)).add(change),
      restarted: () => family('workerRestarts').hold('').add(1),
    },
  };
}

function pairs(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => pair(name, value))
    .join(',');
}
