/**
 * One L4 connection as telemetry follows it. Series are resolved when the tunnel is up and held while it lives, so bytes
 * cost one addition each and a connection of hours is visible from its first byte. `opened` is always counted once
 * and with flag "-", also for what failed before it opened: opened minus closed returns to zero.
 */

import type { Clock } from '@isthmus/sdk/runtime';
import { FAULTS } from '@isthmus/sdk/wire';
import type { AccessLog } from './access-log.js';
import { hasLocality, LOCALITY_LABELS, labelText, pair } from './label-sets.js';
import type { OpenConnections } from './open-connections.js';
import type { Family } from './registry.js';
import { REPORTERS, type ReporterRow } from './reporters.js';
import type { NumberSeries } from './series.js';
import type { ConnectionFacts, ConnectionRecord, Outcome } from './types.js';

export interface ConnectionFamilies {
  family(name: ReporterRow['families'][keyof ReporterRow['families']]): Family<NumberSeries>;
  readonly socketsOpen: Family<NumberSeries>;
  readonly crlRejections: Family<NumberSeries>;
}

export interface RecordContext extends ConnectionFamilies {
  readonly clock: Clock;
  readonly accessLog: AccessLog;
  /** Where the connection is listed while it is open. */
  readonly open: Pick<OpenConnections, 'add'>;
}

/** Kept from expiring while the connection is open: one that ended would else be closed more often than opened. */
const HELD = ['opened', 'received', 'sent'] as const;
type Held = Readonly<Record<(typeof HELD)[number], NumberSeries>>;

export function openConnectionRecord(facts: ConnectionFacts, context: RecordContext): ConnectionRecord {
  const row = REPORTERS[facts.reporter];
  const live = { facts, received: 0, sent: 0, startedAt: context.clock.monotonic() };
  const unlist = context.open.add(live);
  const sockets = context.socketsOpen.hold(pair('reporter', facts.reporter));
  sockets.add(1);
  let held: Held | undefined;
  let ended = false;

  function family(name: keyof ReporterRow['families']): Family<NumberSeries> {
    return context.family(row.families[name]);
  }

  /** Bytes that came before the tunnel was up are counted now. */
  function countOpened(): Held {
    const labels = labelsOf(row, live.facts, '-');
    held = {
      opened: family('opened').hold(labels),
      received: family('received').hold(labels),
      sent: family('sent').hold(labels),
    };
    held.opened.add(1);
    held.received.add(live.received);
    held.sent.add(live.sent);
    return held;
  }

  return {
    received(bytes) {
      live.received += bytes;
      held?.received.add(bytes);
    },
    sent(bytes) {
      live.sent += bytes;
      held?.sent.add(bytes);
    },
    opened(destination) {
      if (held || ended) return;
      if (destination) live.facts = { ...live.facts, destination };
      countOpened();
      context.accessLog.opened(live.facts);
    },
    close(outcome) {
      if (ended) return;
      ended = true;
      if (!held && isRevoked(outcome)) context.crlRejections.series(pair('reporter', facts.reporter)).add(1);
      const series = held ?? countOpened();
      for (const name of HELD) family(name).release(series[name]);
      const labels = labelsOf(row, live.facts, flagsOf(row, outcome));
      family('closed').series(labels).add(1);
      if (outcome.kind === 'fault') family('failed').series(labels).add(1);
      sockets.add(-1);
      context.socketsOpen.release(sockets);
      unlist();
      const { received, sent, startedAt } = live;
      const durationMs = context.clock.monotonic() - startedAt;
      context.accessLog.completed(live.facts, { received, sent, durationMs, outcome });
    },
  };
}

function isRevoked(outcome: Outcome): boolean {
  return outcome.kind === 'fault' && outcome.code === 'CERT_REVOKED';
}

function flagsOf(row: ReporterRow, outcome: Outcome): string {
  return outcome.kind === 'fault' ? row.flagOf(FAULTS[outcome.code]) : '-';
}

function labelsOf(row: ReporterRow, facts: ConnectionFacts, flags: string): string {
  const labels = row.locality && hasLocality(facts) ? [...row.labels, ...LOCALITY_LABELS] : row.labels;
  return labelText(labels, {
    reporter: facts.reporter,
    source: facts.source,
    destination: facts.destination,
    service: facts.service,
    protocol: 'tcp',
    flags,
    security: facts.mutualTls ? 'mutual_tls' : row.plaintext,
    ...(row.sourceRevision ? { sourceRevision: row.sourceRevision } : {}),
  });
}
