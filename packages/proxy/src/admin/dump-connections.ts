/**
 * Connections under way as `/config_dump` and `/connections` show them, with ztunnel's field names: `src` is the client,
 * `originalDst` what it asked for, `actualDst` what was dialled or, inbound, the authority of the CONNECT.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import { REPORTERS } from '../telemetry/reporters.js';
import type { ConnectionFacts, OpenConnectionFacts } from '../telemetry/types.js';

/** Plain data, so that it can come from a worker process. */
export interface ConnectionDump {
  readonly direction: 'inbound' | 'outbound';
  /** The local end, as namespace and name of a pod; a gateway has none of its own in the connection. */
  readonly local: { readonly namespace: string | undefined; readonly name: string | undefined };
  readonly src: string;
  readonly originalDst: string | null;
  readonly actualDst: string;
  readonly protocol: 'HBONE' | 'DOUBLEHBONE' | 'TCP';
  readonly peer: string | undefined;
  readonly durationMs: number;
  /** Client to server, server to client. */
  readonly received: number;
  readonly sent: number;
}

/** What one page lists; the rest is only counted. */
const MAX_LISTED = 10_000;

export function dumpConnections(open: Iterable<OpenConnectionFacts>): readonly ConnectionDump[] {
  const listed: ConnectionDump[] = [];
  for (const connection of open) {
    if (listed.length >= MAX_LISTED) break;
    listed.push(dumpConnection(connection));
  }
  return listed;
}

function dumpConnection({ facts, received, sent, durationMs }: OpenConnectionFacts): ConnectionDump {
  const outbound = REPORTERS[facts.reporter].direction === 'outbound';
  const [local, peer] = outbound ? [facts.source, facts.destination] : [facts.destination, facts.source];
  return {
    direction: outbound ? 'outbound' : 'inbound',
    local: { namespace: local.namespace, name: local.instance },
    src: facts.sourceAddress,
    originalDst: outbound
      ? (facts.askedAddress ?? facts.hboneAddress ?? facts.destinationAddress)
      : (facts.service?.hostname ?? null),
    actualDst: outbound ? facts.destinationAddress : (facts.hboneAddress ?? facts.destinationAddress),
    protocol: protocolOf(facts),
    peer: peer.principal ?? peer.instance ?? peer.canonicalName ?? peer.workload,
    durationMs: Math.round(durationMs),
    received,
    sent,
  };
}

function protocolOf({ nested, mutualTls }: ConnectionFacts): ConnectionDump['protocol'] {
  if (nested) return 'DOUBLEHBONE';
  return mutualTls ? 'HBONE' : 'TCP';
}

/** ztunnel's `workloadState`: each local workload with its connections. */
export function dumpWorkloadState(
  locals: readonly Workload[],
  connections: readonly ConnectionDump[],
): Record<string, unknown> {
  return Object.fromEntries(
    locals.map(({ uid, namespace, name, serviceAccount }) => {
      const own = connections.filter(({ local }) => local.namespace === namespace && local.name === name);
      const of = (wanted: ConnectionDump['direction']) =>
        own
          .filter(({ direction }) => direction === wanted)
          .map(({ src, originalDst, actualDst, protocol }) => ({ src, originalDst, actualDst, protocol }));
      const state = { inbound: of('inbound'), outbound: of('outbound') };
      return [uid, { state: 'Up', connections: state, info: { name, namespace, serviceAccount } }];
    }),
  );
}
