/**
 * Delta ADS over gRPC: admits subscribers and serves each. Who calls is known by then; what else is checked, is in
 * istiod's order: ready, within bounds, a node that says who it is, and an identity that may say so.
 */
import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Clock, Logger } from '@isthmus/sdk/runtime';
import type { discoveryPb } from '@isthmus/sdk/wire';
import type { Caller } from '../ca/index.js';
import type { Connections } from './connections.js';
import { type ProxyNode, parseNode } from './node.js';
import type { Outgoing } from './responses.js';
import { createSession, type Received } from './session.js';
import { type DeltaCall, serveStream } from './stream.js';
import type { Views } from './views.js';

export type XdsEvent =
  | { readonly kind: 'pushed'; readonly typeUrl: string; readonly resources: number; readonly removed: number }
  | { readonly kind: 'rejected'; readonly typeUrl: string }
  | { readonly kind: 'refused'; readonly code: keyof typeof status };

export interface DiscoveryServiceInit {
  readonly cluster: string;
  readonly views: Views;
  readonly connections: Connections;
  readonly callerOf: (metadata: Metadata) => Caller;
  /** Why nothing can be served yet; undefined when ready. An empty answer would make proxies forget what they hold. */
  readonly notReady: () => string | undefined;
  /** Ends all streams, cleanly, so that clients reconnect at once. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observe: (event: XdsEvent) => void;
}

/** Streams of one process; with more, run replicas. */
const MAX_STREAMS = 10_000;
/** A client that opens a stream and says nothing. */
const FIRST_REQUEST_TIMEOUT_MS = 10_000;

export function createDiscoveryHandler(init: DiscoveryServiceInit): (call: DeltaCall) => void {
  let counter = 0;
  return (call) => {
    // Before anything else: an error without a listener would end the process.
    call.on('error', () => {});
    counter += 1;
    serve(init, call, counter).catch((error: unknown) => {
      init.log.error({ err: error }, 'discovery stream failed');
      failStream(call, { code: 'INTERNAL', reason: 'the control plane failed; its log has the reason' });
    });
  };
}

export interface Refusal {
  readonly code: keyof typeof status;
  readonly reason: string;
}

async function serve(init: DiscoveryServiceInit, call: DeltaCall, counter: number): Promise<void> {
  const admitted = await admit(init, call);
  if ('refusal' in admitted) {
    const { code, reason } = admitted.refusal;
    init.observe({ kind: 'refused', code });
    init.log.warn({ peer: call.getPeer(), code, reason }, 'discovery stream refused');
    return failStream(call, admitted.refusal);
  }
  const { caller, node, first } = admitted;
  const id = `${node.name}-${counter}`;
  const log = init.log.child({ connection: id });
  const session = createSession({ id: `${init.clock.now()}-${counter}`, node: node.workerNode });
  const remove = init.connections.add({
    id,
    node,
    identity: caller.identity,
    peer: call.getPeer(),
    connectedAt: init.clock.now(),
    types: session.status,
  });
  const end = () => call.end();
  init.signal.addEventListener('abort', end, { once: true });
  log.info({ role: node.role, identity: caller.identity, peer: call.getPeer() }, 'proxy connected');
  // Read after the listeners of the stream are there.
  call.unshift(first);
  try {
    await serveStream({
      call,
      session,
      view: () => init.views.current(node.role),
      subscribe: init.views.subscribe,
      onReceived: (received) => onReceived(init, call, log, received),
      onSent: (outgoing) => onSent(init, log, outgoing),
    });
  } finally {
    init.signal.removeEventListener('abort', end);
    remove();
    log.info('proxy disconnected');
  }
}

type Admitted =
  | { readonly caller: Caller; readonly node: ProxyNode; readonly first: discoveryPb.DeltaDiscoveryRequest }
  | { readonly refusal: Refusal };

async function admit(init: DiscoveryServiceInit, call: DeltaCall): Promise<Admitted> {
  const notReady = init.notReady();
  if (notReady !== undefined) return refuse('UNAVAILABLE', notReady);
  if (init.connections.count >= MAX_STREAMS)
    return refuse('RESOURCE_EXHAUSTED', `${MAX_STREAMS} proxies are connected already`);
  const caller = init.callerOf(call.metadata);
  const first = await firstRequest(call, init.clock);
  if (!first) return refuse('DEADLINE_EXCEEDED', 'no request came on the stream');
  const parsed = parseNode(first.node);
  if (!parsed.ok) return refuse('INVALID_ARGUMENT', parsed.reason);
  const { node } = parsed;
  if (node.namespace !== caller.namespace) {
    return refuse('PERMISSION_DENIED', `${caller.identity} may not speak for a proxy in namespace ${node.namespace}`);
  }
  const claimed = call.metadata.get('clusterid')[0]?.toString() ?? node.cluster;
  if (claimed !== undefined && claimed !== init.cluster) {
    const reason = `the proxy says it is of cluster ${claimed}, this control plane serves ${init.cluster}; check CLUSTER_ID and XDS_ADDRESS`;
    return refuse('PERMISSION_DENIED', reason);
  }
  return { caller, node, first };
}

function refuse(code: Refusal['code'], reason: string): Admitted {
  return { refusal: { code, reason } };
}

/** Undefined when none comes in time, or ever. */
export function firstRequest(call: DeltaCall, clock: Clock): Promise<discoveryPb.DeltaDiscoveryRequest | undefined> {
  return new Promise((resolve) => {
    const disarm = clock.schedule(FIRST_REQUEST_TIMEOUT_MS, () => settle(undefined));
    const onData = (request: discoveryPb.DeltaDiscoveryRequest) => settle(request);
    const onEnd = () => settle(undefined);
    function settle(request: discoveryPb.DeltaDiscoveryRequest | undefined): void {
      disarm();
      call.off('data', onData);
      call.off('end', onEnd);
      call.off('close', onEnd);
      // What follows is for the session; without this it would flow to nobody.
      call.pause();
      resolve(request);
    }
    call.on('data', onData);
    call.on('end', onEnd);
    call.on('close', onEnd);
  });
}

function onReceived({ observe }: DiscoveryServiceInit, call: DeltaCall, log: Logger, received: Received): void {
  switch (received.kind) {
    case 'rejected':
      observe({ kind: 'rejected', typeUrl: received.typeUrl });
      log.warn(
        { typeUrl: received.typeUrl, nonce: received.nonce, reason: received.reason },
        'proxy rejected resources; they are not sent again until they change',
      );
      break;
    case 'refused':
      observe({ kind: 'refused', code: received.code });
      log.warn({ code: received.code, reason: received.reason }, 'discovery stream refused');
      failStream(call, received);
      break;
    default:
      log.debug({ typeUrl: received.typeUrl, kind: received.kind }, 'request received');
  }
}

function onSent(
  { observe }: DiscoveryServiceInit,
  log: Logger,
  { typeUrl, nonce, resources, removed, bytes }: Outgoing,
): void {
  observe({ kind: 'pushed', typeUrl, resources, removed });
  log.debug({ typeUrl, nonce, resources, removed, bytes: bytes.length }, 'response sent');
}

/** Ends the stream with a status. */
export function failStream(call: DeltaCall, { code, reason }: Refusal): void {
  const error: Partial<ServiceError> = { code: status[code], details: reason };
  call.emit('error', error);
}
