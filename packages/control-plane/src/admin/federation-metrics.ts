/** THE table of the metrics of peers. What a peer counted goes when it is a peer no longer. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { type FederationEvent, type PeerStatus, REJECTIONS } from '../federation/index.js';

const KINDS = ['services', 'workloads', 'gateways'] as const;

/** The values of one peer. */
interface PeerGauge {
  readonly name: string;
  readonly help: string;
  /** By `kind` where there are several. */
  readonly values: (
    peer: PeerStatus,
    now: number,
  ) => number | Readonly<Record<(typeof KINDS)[number], number>> | undefined;
}

const GAUGES: readonly PeerGauge[] = [
  {
    name: 'isthmus_federation_connected',
    help: 'Whether what a peer exports is in force and kept up.',
    values: ({ state }) => Number(state === 'live'),
  },
  {
    name: 'isthmus_federation_last_sync_timestamp_seconds',
    help: 'Until when what is in force is known to be what the peer exports, seconds since the epoch.',
    values: ({ asOf }) => asOf && asOf / 1000,
  },
  {
    name: 'isthmus_federation_import_age_seconds',
    help: 'How old what is in force is at most; 0 while the peer is connected.',
    values: ({ asOf, state }, now) => asOf && (state === 'live' ? 0 : (now - asOf) / 1000),
  },
  {
    name: 'isthmus_federation_generation',
    help: 'How often everything that a peer exports was taken over.',
    values: ({ generation }) => generation,
  },
  {
    name: 'isthmus_federation_imported_records',
    help: 'Records of a peer that are in force.',
    values: ({ services, workloads, gateways }) => ({ services, workloads, gateways }),
  },
  {
    name: 'isthmus_federation_exported_records',
    help: 'Records of this cluster that a peer is told.',
    values: ({ exported }) => exported,
  },
];

export interface FederationMetrics {
  on(event: FederationEvent): void;
}

export function createFederationMetrics(registry: Registry, peers: () => readonly PeerStatus[]): FederationMetrics {
  const registers = [registry];
  for (const gauge of GAUGES) registerGauge(registry, gauge, peers);
  const counter = <Label extends string>(name: string, help: string, ...labelNames: readonly Label[]) =>
    new Counter<Label>({ registers, name: `isthmus_federation_${name}`, help, labelNames: [...labelNames] });
  const reconnects = counter('reconnects_total', 'Times that a peer was reached after it had been lost.', 'peer');
  const received = counter('received_bytes_total', 'Bytes of records that a peer sent.', 'peer');
  const sent = counter('sent_bytes_total', 'Bytes of responses that a peer was sent.', 'peer');
  const nacks = counter('nacks_total', 'Responses that a peer rejected.', 'peer');
  const rejected = counter('rejected_records_total', 'Records of a peer that were left out.', 'peer', 'reason');
  const refused = counter('streams_refused_total', 'Streams of callers that are no peers or did not prove it.');
  return {
    on(event) {
      switch (event.kind) {
        case 'reconnected':
          return reconnects.inc({ peer: event.peer });
        case 'received':
          return received.inc({ peer: event.peer }, event.bytes);
        case 'sent':
          return sent.inc({ peer: event.peer }, event.bytes);
        case 'nacked':
          return nacks.inc({ peer: event.peer });
        case 'rejected':
          return rejected.inc({ peer: event.peer, reason: event.reason }, event.count);
        case 'refused':
          return refused.inc();
        case 'revoked':
          for (const each of [reconnects, received, sent, nacks]) each.remove({ peer: event.peer });
          for (const reason of REJECTIONS) rejected.remove({ peer: event.peer, reason });
      }
    },
  };
}

function registerGauge(
  registry: Registry,
  { name, help, values }: PeerGauge,
  peers: () => readonly PeerStatus[],
): void {
  new Gauge({
    registers: [registry],
    name,
    help,
    labelNames: ['peer', 'kind'],
    collect() {
      this.reset();
      for (const peer of peers()) {
        const found = values(peer, Date.now());
        if (typeof found === 'number') this.set({ peer: peer.cluster }, found);
        else for (const kind of found ? KINDS : []) this.set({ peer: peer.cluster, kind }, found?.[kind] ?? 0);
      }
    },
  });
}
