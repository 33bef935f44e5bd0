/**
 * The peers that are told of this cluster's exports: the delta sessions of proxies, with the export as their view. Who
 * calls is decided by the certificate alone; what the first request says of itself is not looked at.
 */
import type { PeerCertificate } from 'node:tls';
import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Clock, Logger } from '@isthmus/sdk/runtime';
import { discoveryService } from '@isthmus/sdk/wire';
import {
  createSession,
  type DeltaCall,
  failStream,
  firstRequest,
  type SubscriptionStatus,
  serveStream,
} from '../xds/index.js';
import type { FederationEvent } from './events.js';
import type { Exporter } from './exporter.js';
import { checkIdentity, claimedCluster, controlPlaneIdentity, endsAt } from './identity.js';
import type { Peer } from './records.js';

/** Its own intermediates, for who verifies against one peer's roots: gRPC hands on the leaf only. DER, base64, comma. */
export const CHAIN_HEADER = 'isthmus-chain';
/** One for each of its replicas; who reconnects may overlap with its last stream, which TCP has not given up yet. */
const MAX_STREAMS_PER_PEER = 16;
/** Refusals that are remembered as told, by address and reason; when there are more, all are news again. */
const MAX_TOLD = 1_000;

export interface ReceiversInit {
  readonly exporter: Exporter;
  readonly peer: (cluster: string) => Peer | undefined;
  /** Ends all streams. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observe: (event: FederationEvent) => void;
}

export interface Receivers {
  readonly interceptor: ServerInterceptor;
  readonly handler: (call: DeltaCall) => void;
  /** Ends the streams of that cluster's control plane. */
  disconnect(cluster: string): void;
  status(cluster: string): readonly (readonly SubscriptionStatus[])[];
}

interface Receiver {
  readonly end: () => void;
  readonly types: () => readonly SubscriptionStatus[];
}

export function createReceivers(init: ReceiversInit): Receivers {
  const { exporter, signal, clock, log, observe } = init;
  const callers = new WeakMap<Metadata, Peer>();
  const receivers = new Map<string, Set<Receiver>>();
  const isNews = createNews();
  let counter = 0;

  const interceptor: ServerInterceptor = ({ path }, call) => {
    const onReceiveMetadata = (metadata: Metadata, admit: (metadata: Metadata) => void) => {
      // The exchange is open to strangers: an invitation is what it asks for.
      if (path !== discoveryService.deltaAggregatedResources.path) return admit(metadata);
      const verdict = judge(call.getAuthContext().sslPeerCertificate, metadata, init);
      if (!('refusal' in verdict)) {
        callers.set(metadata, verdict.peer);
        return admit(metadata);
      }
      observe({ kind: 'refused' });
      const from = call.getPeer();
      const level = isNews(`${from.slice(0, from.lastIndexOf(':'))} ${verdict.refusal}`) ? 'warn' : 'debug';
      log[level]({ from, reason: verdict.refusal }, 'peer refused');
      call.sendStatus({ code: status.UNAUTHENTICATED, details: verdict.refusal });
    };
    return new ServerInterceptingCall(call, { start: (next) => next({ onReceiveMetadata }) });
  };

  async function serve(call: DeltaCall, peer: Peer): Promise<void> {
    const { cluster } = peer;
    // It arrived while closing: nobody would end it.
    if (signal.aborted) return failStream(call, { code: 'UNAVAILABLE', reason: 'the control plane is closing' });
    const streams = receivers.get(cluster) ?? new Set();
    receivers.set(cluster, streams);
    if (streams.size >= MAX_STREAMS_PER_PEER)
      return failStream(call, {
        code: 'RESOURCE_EXHAUSTED',
        reason: `${cluster} has ${MAX_STREAMS_PER_PEER} streams already`,
      });
    counter += 1;
    const session = createSession({ id: `peer-${clock.now()}-${counter}` });
    const receiver = { end: () => call.end(), types: session.status };
    streams.add(receiver);
    signal.addEventListener('abort', receiver.end, { once: true });
    try {
      const first = await firstRequest(call, clock);
      if (!first) return failStream(call, { code: 'DEADLINE_EXCEEDED', reason: 'no request came on the stream' });
      call.unshift(first);
      log.info({ cluster, from: call.getPeer() }, 'peer connected');
      await serveStream({
        call,
        session,
        view: () => exporter.current(exporter.audienceOf(peer)),
        subscribe: exporter.subscribe,
        onReceived: (received) => {
          if (received.kind === 'refused') failStream(call, received);
          if (received.kind !== 'rejected') return;
          observe({ kind: 'nacked', peer: cluster });
          log.warn({ cluster, reason: received.reason }, 'peer rejected resources');
        },
        onSent: ({ resources, removed, bytes }) => {
          observe({ kind: 'sent', peer: cluster, bytes: bytes.length });
          log.debug({ cluster, resources, removed }, 'peer told');
        },
      });
      log.info({ cluster }, 'peer disconnected');
    } finally {
      signal.removeEventListener('abort', receiver.end);
      streams.delete(receiver);
    }
  }

  return {
    interceptor,
    handler(call) {
      // Before anything else: an error without a listener would end the process.
      call.on('error', () => {});
      const peer = callers.get(call.metadata);
      if (!peer) return failStream(call, { code: 'UNAUTHENTICATED', reason: 'no peer' });
      serve(call, peer).catch((error: unknown) => {
        log.error({ err: error, cluster: peer.cluster }, 'stream of a peer failed');
        failStream(call, { code: 'INTERNAL', reason: 'the control plane failed; its log has the reason' });
      });
    },
    disconnect(cluster) {
      for (const { end } of receivers.get(cluster) ?? []) end();
      receivers.delete(cluster);
    },
    status: (cluster) => [...(receivers.get(cluster) ?? [])].map(({ types }) => types()),
  };
}

/** Whoever is refused comes again every few seconds, for as long as it lives; the first time is enough. */
function createNews(): (text: string) => boolean {
  const told = new Set<string>();
  return (text) => {
    if (told.has(text)) return false;
    if (told.size >= MAX_TOLD) told.clear();
    told.add(text);
    return true;
  };
}

type Verdict = { readonly peer: Peer } | { readonly refusal: string };

function judge(certificate: PeerCertificate | undefined, metadata: Metadata, { peer, clock }: ReceiversInit): Verdict {
  if (!certificate)
    return {
      refusal:
        'no certificate of a peer was presented; this cluster is no peer here, or was removed, or has replaced its roots',
    };
  const cluster = claimedCluster(certificate);
  if (cluster === undefined) return { refusal: 'the client certificate is not that of a control plane' };
  const known = peer(cluster);
  if (!known) return { refusal: `cluster ${cluster} is no peer of this control plane, or no longer` };
  const wrong = checkIdentity(controlPlaneIdentity(known.trustDomain, cluster), certificate);
  if (wrong) return { refusal: `the client certificate is not right: ${wrong.message}` };
  const [header = ''] = metadata.get(CHAIN_HEADER);
  const intermediates = header
    .toString()
    .split(',')
    .map((text) => Buffer.from(text, 'base64'));
  if (
    endsAt(
      known.roots,
      certificate.raw,
      intermediates.filter(({ length }) => length > 0),
      clock.now(),
    )
  )
    return { peer: known };
  return {
    refusal: `the client certificate says it is of cluster ${cluster}, but was not issued under that cluster's roots`,
  };
}
