/**
 * The server's half of incremental xDS, with no I/O: requests in, responses out. What to send is worked out when it can be
 * sent, as the difference between the newest view and what the subscriber holds; a slow reader skips the views in between, and
 * nothing is queued for it.
 *
 *   first request of a type ──> owed ──next()──> responses ──> ACK ──> synced
 *                                                   └────────> NACK ─> rejected: not sent again until the content changes
 *
 * Bounds: one version string per resource held; at most 16 types nobody here knows, each answered with nothing.
 */
import {
  type discoveryPb,
  encodeDeltaResponse,
  RESOURCE_TYPES,
  type ResourceTypeName,
  resourceTypeByUrl,
} from '@isthmus/sdk/wire';
import { createSubscription, differenceOf, type Subscription, type SubscriptionStatus } from './subscription.js';
import type { VersionedView } from './views.js';

type Request = discoveryPb.DeltaDiscoveryRequest;

export interface SessionInit {
  /** Makes nonces unlike those of other streams, so that a stale one is recognised. */
  readonly id: string;
  /** Resources per response stop at this; one that is larger travels alone. */
  readonly maxResponseBytes?: number;
}

export type Received =
  | { readonly kind: 'subscribed' | 'acked' | 'stale'; readonly typeUrl: string }
  | { readonly kind: 'rejected'; readonly typeUrl: string; readonly nonce: string; readonly reason: string }
  /** The stream has to end, with this for the client. */
  | { readonly kind: 'refused'; readonly code: 'UNIMPLEMENTED' | 'INVALID_ARGUMENT'; readonly reason: string };

export interface Outgoing {
  readonly typeUrl: string;
  readonly nonce: string;
  /** An encoded DeltaDiscoveryResponse. */
  readonly bytes: Uint8Array;
  readonly resources: number;
  readonly removed: number;
}

export interface Session {
  receive(request: Request): Received;
  /** The next response towards that view; undefined when the subscriber has it all. */
  next(view: VersionedView): Outgoing | undefined;
  status(): readonly SubscriptionStatus[];
}

/** ztunnel takes 200 MiB, Envoy and gRPC's defaults 4 MiB; half of that leaves room for the envelope. */
const MAX_RESPONSE_BYTES = 2 * 1024 * 1024;
const MAX_FOREIGN_TYPES = 16;
/** A NACK names what was wrong with each resource; what is kept and logged of it is bounded. */
const MAX_REASON_LENGTH = 4096;

/**
 * Policies travel before the workloads that name them and leave after them: a proxy that knows the workload only would
 * let through what the policy denies.
 */
const STEPS = [
  { type: 'authorization', what: 'changed' },
  { type: 'address', what: 'both' },
  { type: 'authorization', what: 'both' },
] as const satisfies readonly { type: ResourceTypeName; what: 'changed' | 'both' }[];

export function createSession({ id, maxResponseBytes = MAX_RESPONSE_BYTES }: SessionInit): Session {
  const subscriptions = new Map<string, Subscription>();
  let sequence = 0;
  let plan: { readonly view: VersionedView; readonly steps: Iterator<Outgoing> } | undefined;

  function receive(request: Request): Received {
    const { typeUrl, responseNonce: nonce, errorDetail } = request;
    const subscription = subscriptions.get(typeUrl);
    if (!subscription) return subscribe(request);
    // Presence is what counts: ztunnel leaves the code at 0.
    if (errorDetail) {
      const reason = errorDetail.message.slice(0, MAX_REASON_LENGTH);
      return subscription.rejected(nonce, reason)
        ? { kind: 'rejected', typeUrl, nonce, reason }
        : { kind: 'stale', typeUrl };
    }
    const wasAcked = nonce !== '' && subscription.acked(nonce);
    if (request.resourceNamesSubscribe.length > 0) return resend(subscription, request.resourceNamesSubscribe);
    return { kind: wasAcked ? 'acked' : 'stale', typeUrl };
  }

  function subscribe(request: Request): Received {
    const { typeUrl, initialResourceVersions } = request;
    if (typeUrl === '') return { kind: 'refused', code: 'INVALID_ARGUMENT', reason: 'type_url is empty' };
    const isForeign = resourceTypeByUrl(typeUrl) === undefined;
    if (isForeign && foreign(subscriptions).length >= MAX_FOREIGN_TYPES) {
      return {
        kind: 'refused',
        code: 'INVALID_ARGUMENT',
        reason: `more than ${MAX_FOREIGN_TYPES} unknown resource types`,
      };
    }
    if (!isForeign && !isWildcard(request)) {
      const reason = `${typeUrl}: subscriptions by name (XDS_ON_DEMAND) are not served here; subscribe to all resources`;
      return { kind: 'refused', code: 'UNIMPLEMENTED', reason };
    }
    subscriptions.set(typeUrl, createSubscription(typeUrl, isForeign ? {} : initialResourceVersions));
    plan = undefined;
    return { kind: 'subscribed', typeUrl };
  }

  /** On a wildcard stream a name is subscribed to already; asking for it again means that it was lost. */
  function resend(subscription: Subscription, names: readonly string[]): Received {
    for (const name of names) {
      if (name === '*' || subscription.unknown.size >= MAX_UNKNOWN_NAMES) continue;
      if (!subscription.held.delete(name)) subscription.unknown.add(name);
    }
    subscription.owed = true;
    plan = undefined;
    return { kind: 'subscribed', typeUrl: subscription.typeUrl };
  }

  function* steps(view: VersionedView): Generator<Outgoing> {
    for (const { type, what } of STEPS) {
      const subscription = subscriptions.get(RESOURCE_TYPES[type].typeUrl);
      if (subscription) yield* respond(subscription, type, what, view);
    }
    for (const subscription of foreign(subscriptions)) {
      if (subscription.owed) yield response(subscription, view, [], []);
    }
  }

  function* respond(
    subscription: Subscription,
    type: ResourceTypeName,
    what: 'changed' | 'both',
    view: VersionedView,
  ): Generator<Outgoing> {
    const { changed, removed } = differenceOf(subscription, view.resources[type]);
    const leaving = what === 'both' ? removed : [];
    const chunks = chunksOf(changed, maxResponseBytes);
    const isDue = what === 'both' && (subscription.owed || leaving.length > 0);
    if (chunks.length === 0 && isDue) chunks.push([]);
    for (const [index, chunk] of chunks.entries()) {
      yield response(subscription, view, chunk, index === chunks.length - 1 ? leaving : []);
    }
  }

  function response(
    subscription: Subscription,
    { version }: VersionedView,
    resources: readonly { name: string; version: string; bytes: Uint8Array }[],
    removedResources: readonly string[],
  ): Outgoing {
    const { typeUrl, held, unknown } = subscription;
    sequence += 1;
    const nonce = `${id}/${sequence}`;
    for (const resource of resources) held.set(resource.name, resource.version);
    for (const name of removedResources) held.delete(name);
    if (removedResources.length > 0) unknown.clear();
    subscription.owed = false;
    subscription.sent(nonce);
    const bytes = encodeDeltaResponse({
      typeUrl,
      nonce,
      systemVersionInfo: String(version),
      resources: resources.map((resource) => resource.bytes),
      removedResources,
    });
    return { typeUrl, nonce, bytes, resources: resources.length, removed: removedResources.length };
  }

  return {
    receive,
    next(view) {
      // A newer view replaces a plan half carried out: what was sent is held, the rest is worked out anew.
      if (plan?.view !== view) plan = { view, steps: steps(view) };
      const { value, done } = plan.steps.next();
      return done ? undefined : value;
    },
    status: () => [...subscriptions.values()].map((subscription) => subscription.status()),
  };
}

/** Names a subscriber asked for in vain, remembered until they are answered. */
const MAX_UNKNOWN_NAMES = 10_000;

function foreign(subscriptions: ReadonlyMap<string, Subscription>): readonly Subscription[] {
  return [...subscriptions.values()].filter(({ typeUrl }) => resourceTypeByUrl(typeUrl) === undefined);
}

/** Istio's rule: no name at all, or `*` among them and not taken back in the same request. */
function isWildcard({ resourceNamesSubscribe, resourceNamesUnsubscribe }: Request): boolean {
  if (resourceNamesSubscribe.length === 0) return true;
  return resourceNamesSubscribe.includes('*') && !resourceNamesUnsubscribe.includes('*');
}

function chunksOf<T extends { readonly bytes: Uint8Array }>(resources: readonly T[], maxBytes: number): T[][] {
  const chunks: T[][] = [];
  let bytes = 0;
  for (const resource of resources) {
    const chunk = chunks.at(-1);
    bytes += resource.bytes.length;
    if (chunk && bytes <= maxBytes) chunk.push(resource);
    else {
      chunks.push([resource]);
      bytes = resource.bytes.length;
    }
  }
  return chunks;
}
