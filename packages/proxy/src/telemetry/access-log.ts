/**
 * Access logs: one line when a connection or a request ends, and where asked for while a connection is open, with ztunnel's field names for connections and Envoy's
 * JSON keys for requests. Faults are errors and carry the hint of the fault table, so that the line says what to do.
 */

import type { Peer } from '@isthmus/sdk/peer';
import type { Clock, Logger } from '@isthmus/sdk/runtime';
import { FAULTS, type FaultCode } from '@isthmus/sdk/wire';
import { formatEntry, type LineWriter, type LogField, type LogFormat } from './log-lines.js';
import { REPORTERS } from './reporters.js';
import type { ConnectionFacts, OpenConnectionFacts, Outcome, RequestFacts, Telemetry } from './types.js';

const SCOPE = 'access';

export interface AccessLog {
  opened(facts: ConnectionFacts): void;
  /** Of one that has been open for long. */
  ongoing(connection: OpenConnectionFacts): void;
  completed(facts: ConnectionFacts, end: ConnectionEnd): void;
  denied(facts: Parameters<Telemetry['earlyDeny']>[0]): void;
  request(facts: RequestFacts): void;
}

type Carried = Pick<OpenConnectionFacts, 'received' | 'sent' | 'durationMs'>;

export interface ConnectionEnd extends Carried {
  readonly outcome: Outcome;
}

export interface AccessLogInit {
  readonly format: LogFormat;
  readonly lines: LineWriter;
  readonly clock: Clock;
  /** Whether lines of that level are wanted now. */
  enabled(level: AccessLevel): boolean;
}

type AccessLevel = 'debug' | 'info' | 'warn' | 'error';

/** For `AccessLogInit.enabled`: the access log is a scope of the component log, as far as levels go. */
export function accessLevels(log: Logger): AccessLogInit['enabled'] {
  const own = log.child({ scope: SCOPE });
  return (level) => own.isLevelEnabled(level);
}

export function createAccessLog({ format, lines, clock, enabled }: AccessLogInit): AccessLog {
  function write(level: AccessLevel, message: string, fields: () => readonly LogField[]): void {
    if (!enabled(level)) return;
    lines.write(formatEntry(format, { time: clock.now(), level, scope: SCOPE, message, fields: fields() }));
  }

  return {
    opened: (facts) => write('debug', 'connection opened', () => identifying(facts)),
    ongoing: (connection) =>
      write('info', 'connection ongoing', () => [
        ...identifying(connection.facts),
        ...soFar(connection.facts, connection),
      ]),
    completed: (facts, end) =>
      write(end.outcome.kind === 'ok' ? 'info' : 'error', 'connection complete', () => [
        ...identifying(facts),
        ...soFar(facts, end),
        ...outcomeFields(end.outcome),
      ]),
    denied: (facts) =>
      write('warn', 'connection failed', () => [
        ['src.addr', facts.sourceAddress],
        ['src.identity', facts.sourceIdentity],
        ['dst.addr', facts.destinationAddress],
        ['direction', REPORTERS[facts.reporter].direction],
        ...faultFields(facts),
      ]),
    request: (facts) =>
      write(facts.fault ? 'error' : 'info', 'request complete', () => requestFields(facts, clock.now())),
  };
}

function identifying(facts: ConnectionFacts): readonly LogField[] {
  const { source, destination, mutualTls } = facts;
  return [
    ['src.addr', facts.sourceAddress],
    ['src.workload', workloadName(source)],
    ['src.namespace', source.namespace],
    ['src.identity', mutualTls ? source.principal : undefined],
    ['src.cluster', source.cluster],
    ['dst.addr', facts.destinationAddress],
    ['dst.hbone_addr', facts.hboneAddress],
    ['dst.service', facts.service?.hostname],
    ['dst.workload', workloadName(destination)],
    ['dst.namespace', destination.namespace],
    ['dst.identity', mutualTls ? destination.principal : undefined],
    ['dst.cluster', destination.cluster],
    ['direction', REPORTERS[facts.reporter].direction],
  ];
}

/** The pod where it is known; a peer known by baggage alone has its canonical service. */
function workloadName(peer: Peer): string | undefined {
  return peer.instance ?? peer.canonicalName ?? peer.workload;
}

/** ztunnel writes bytes from its own side: what it sent on for its application is `bytes_sent` on the way out. */
function soFar({ reporter }: ConnectionFacts, { received, sent, durationMs }: Carried): readonly LogField[] {
  const outbound = REPORTERS[reporter].direction === 'outbound';
  return [
    ['bytes_sent', outbound ? received : sent],
    ['bytes_recv', outbound ? sent : received],
    ['duration', `${Math.round(durationMs)}ms`],
  ];
}

function outcomeFields(outcome: Outcome): readonly LogField[] {
  if (outcome.kind === 'drained') return [['error', outcome.message]];
  return faultFields(outcome.kind === 'fault' ? outcome : undefined);
}

function faultFields(fault: { readonly code: FaultCode; readonly message: string } | undefined): readonly LogField[] {
  if (!fault) return [];
  return [
    ['error', fault.message],
    ['fault', fault.code],
    ['hint', FAULTS[fault.code].hint],
  ];
}

function requestFields(facts: RequestFacts, now: number): readonly LogField[] {
  const { source, destination, fault } = facts;
  const row = fault ? FAULTS[fault.code] : undefined;
  return [
    ['start_time', new Date(now - facts.durationMs).toISOString()],
    ['method', facts.method],
    ['path', facts.path],
    ['protocol', facts.protocol],
    ['response_code', facts.responseCode],
    ['grpc_status', facts.grpcStatus],
    ['response_flags', row?.httpFlag ?? '-'],
    ['bytes_received', facts.requestBytes],
    ['bytes_sent', facts.responseBytes],
    ['duration', Math.round(facts.durationMs)],
    ['authority', facts.authority],
    ['upstream_host', facts.upstreamAddress],
    ['upstream_cluster', facts.service?.hostname],
    ['downstream_remote_address', facts.sourceAddress],
    ['upstream_transport_failure_reason', row?.httpFlag === 'UF' ? fault?.message : undefined],
    ['src.workload', workloadName(source)],
    ['src.namespace', source.namespace],
    ['src.identity', facts.mutualTls ? source.principal : undefined],
    ['src.cluster', source.cluster],
    ['dst.workload', workloadName(destination)],
    ['dst.namespace', destination.namespace],
    ['dst.identity', destination.principal],
    ['dst.cluster', destination.cluster],
    ...faultFields(fault),
  ];
}
