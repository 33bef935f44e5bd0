/**
 * Keeps a store in step with a control plane: one incremental xDS stream, opened again for as long as the scope lives.
 *
 * While the control plane is away the store keeps what it has and everybody goes on; on return only differences travel.
 * Attempts are spaced by a back-off of 10 ms doubling to 15 s; roots, certificate and token are read again for each, so
 * that rotated files need no restart. Losing and regaining the control plane is one log line each, attempts are debug.
 */
import { createBackoff } from '../runtime/backoff.js';
import { type Clock, pause, realClock } from '../runtime/clock.js';
import type { ControlPlaneAccess } from '../runtime/control-plane.js';
import { type Logger, silentLogger } from '../runtime/log.js';
import type { Scope } from '../runtime/scope.js';
import type { discoveryPb } from '../wire/protos.js';
import { RESOURCE_TYPES, type ResourceTypeName } from '../wire/resource-types.js';
import {
  createDeltaSession,
  type DeltaSession,
  formatRefusals,
  type Received,
  type Refusal,
  type SubscriptionMode,
} from './delta-session.js';
import { runDeltaStream, type TerminationReason } from './delta-stream.js';
import { createDemands } from './demands.js';
import { createLink, type LinkState } from './link.js';
import type { ResourceModel, Snapshot } from './model.js';
import { createPolicyOrder } from './policy-order.js';
import type { Batch, Store } from './store.js';

export type DiscoveryClientInit = ControlPlaneAccess & {
  readonly node: discoveryPb.Node;
  /** Receives every batch; others may read it at any time. */
  readonly store: Store;
  /** After each change, with what changed. Throwing is logged and stops nothing. */
  readonly onSnapshot?: (snapshot: Snapshot, batch: Batch) => void;
  readonly observer?: DiscoveryObserver;
  /** Default `wildcard`: everything the server lets us know. */
  readonly mode?: SubscriptionMode;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly random?: () => number;
};

/** For metrics. Must not throw. */
export interface DiscoveryObserver {
  connected?(isConnected: boolean): void;
  terminated?(reason: TerminationReason): void;
  /** A response with that many bytes of resources; and characters of names and versions, which are kept as well. */
  received?(typeUrl: string, bytes: number, characters: number): void;
  refused?(typeUrl: string, refused: readonly Refusal[]): void;
}

export interface DiscoveryClient {
  /** Resolves when every resource type was received once and is in force; rejects when the scope closes before. */
  readonly ready: Promise<void>;
  /**
   * Asks for addresses that are not known: `network/ip`, `namespace/hostname` or a uid. Resolves, when the answers are in
   * force, with the names that nobody answered within 5 s: a caller must not take those for names that nobody has. With
   * a wildcard subscription nothing is asked. Never rejects.
   */
  demand(names: readonly string[]): Promise<readonly string[]>;
  /** For admin pages. */
  status(): DiscoveryStatus;
}

export interface DiscoveryStatus extends LinkState {
  readonly address: string;
  /** What the control plane calls itself; undefined when it does not, or before its first response. */
  readonly controlPlane: string | undefined;
  readonly types: Readonly<Record<ResourceTypeName, TypeStatus>>;
}

export interface TypeStatus {
  readonly typeUrl: string;
  readonly synced: boolean;
  /** Resources in force. */
  readonly held: number;
  /** Resources whose newest version was refused. */
  readonly refused: readonly Refusal[];
}

const BACKOFF_FIRST_MS = 10;
const BACKOFF_CAP_MS = 15_000;

export function createDiscoveryClient(scope: Scope, init: DiscoveryClientInit): DiscoveryClient {
  const { address, clock = realClock, log = silentLogger, random = Math.random, observer } = init;
  const session = createDeltaSession(init.node, init.mode);
  let send: (request: discoveryPb.DeltaDiscoveryRequest) => void = () => {};
  const demands = createDemands(clock, (names) => {
    // On a stream that has ended it is not sent, and the next one begins with all that is pending.
    const request = session.demand(names);
    if (request) send(request);
  });
  const link = createLink(address, clock, log);
  let controlPlane: string | undefined;
  const ready = createReady(scope.signal);
  /** Answers to demands some of whose workloads are held back. */
  let owed: Pick<Received, 'batch' | 'answered'>[] = [];
  const order = createPolicyOrder(clock, takeInForce);
  scope.own(() => order.close());

  function onResponse(response: discoveryPb.DeltaDiscoveryResponse) {
    observer?.received?.(response.typeUrl, resourceBytes(response), nameCharacters(response));
    controlPlane = response.controlPlane?.identifier;
    const { reply, batch, refused, answered } = session.receive(response);
    if (refused.length > 0) {
      observer?.refused?.(response.typeUrl, refused);
      const resources = formatRefusals(refused);
      log.warn({ typeUrl: response.typeUrl, resources }, 'resources refused, what was good before stays in force');
    }
    if (answered.length > 0) owed.push({ batch, answered });
    takeInForce(order.next(batch, init.store.snapshot));
    if (session.synced) ready.resolve();
    return reply;
  }

  /** Whoever waits for an answer looks at the snapshot next, so it has to be there: policies may hold workloads back. */
  function takeInForce(batch: Batch): void {
    apply(batch, init, log);
    const isHeldBack = ({ kind, value }: ResourceModel) => kind === 'workload' && order.holds(value.uid);
    const due = owed.filter((each) => !each.batch.upserts.some(isHeldBack));
    owed = owed.filter((each) => !due.includes(each));
    for (const { answered } of due) demands.answered(answered);
  }

  async function keepUp(): Promise<void> {
    const backoff = createBackoff({ firstMs: BACKOFF_FIRST_MS, capMs: BACKOFF_CAP_MS, random });
    while (!scope.signal.aborted) {
      let acceptedAt: number | undefined;
      const onAccepted = () => {
        acceptedAt = clock.monotonic();
        link.up();
        observer?.connected?.(true);
      };
      const end = await runDeltaStream({
        access: init,
        clock,
        signal: scope.signal,
        open: session.open,
        onAccepted,
        onResponse,
        onOpened: (way) => {
          send = way;
        },
      });
      send = () => {};
      if (acceptedAt !== undefined) observer?.connected?.(false);
      if (scope.signal.aborted) return;
      link.down(end);
      observer?.terminated?.(end.reason);
      // A stream that outlived the longest delay was well. A server that accepts and dies at once must not be met with
      // full subscriptions at the pace of the shortest.
      if (acceptedAt !== undefined && clock.monotonic() - acceptedAt >= BACKOFF_CAP_MS) backoff.reset();
      await pause(clock, backoff.next(), scope.signal);
    }
  }

  const running = keepUp();
  scope.own(() => running);
  return {
    ready: ready.promise,
    demand: (names) => (init.mode === 'on-demand' ? demands.demand(names) : Promise.resolve([])),
    status: () => ({ address, controlPlane, ...link.state, types: typeStatuses(session) }),
  };
}

function apply(batch: Batch, { store, onSnapshot }: DiscoveryClientInit, log: Logger): void {
  if (batch.upserts.length === 0 && batch.removals.length === 0) return;
  const snapshot = store.apply(batch);
  try {
    onSnapshot?.(snapshot, batch);
  } catch (error) {
    // A listener's mistake must not cost the stream, and thrown from here it would cost the process.
    log.error({ err: error }, 'a listener of the snapshot failed');
  }
}

function resourceBytes({ resources }: discoveryPb.DeltaDiscoveryResponse): number {
  return resources.reduce((sum, { resource }) => sum + (resource?.value.length ?? 0), 0);
}

function nameCharacters({ resources, removedResources }: discoveryPb.DeltaDiscoveryResponse): number {
  const added = resources.reduce((sum, { name, version }) => sum + name.length + version.length, 0);
  return removedResources.reduce((sum, { length }) => sum + length, added);
}

function createReady(signal: AbortSignal): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((fulfil, reject) => {
    resolve = fulfil;
    signal.addEventListener('abort', () => reject(new Error('closed before the first sync')), { once: true });
  });
  // Nobody has to wait for it.
  promise.catch(() => {});
  return { promise, resolve };
}

function typeStatuses(session: DeltaSession): DiscoveryStatus['types'] {
  const statusOf = (type: ResourceTypeName): TypeStatus => {
    const { synced, versions, refused } = session.state(type);
    return {
      typeUrl: RESOURCE_TYPES[type].typeUrl,
      synced,
      held: versions.size,
      refused: [...refused].map(([name, reason]) => ({ name, reason })),
    };
  };
  return { address: statusOf('address'), authorization: statusOf('authorization') };
}
