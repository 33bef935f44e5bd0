/**
 * The server's half of incremental xDS, with no I/O: requests in, responses out. What to send is worked out when it can
 * be sent, as the difference between the newest view and what the subscriber holds; a slow reader skips the views in
 * between, and nothing is queued for it.
 *
 *   first request of a type ──> owed ──next()──> responses ──> ACK ──> synced
 *                                                   └────────> NACK ─> rejected, and not sent again until it changes
 *
 * A type is subscribed to as a wildcard, or by name (ztunnel's XDS_ON_DEMAND); which, its first request says for good.
 *
 * Bounds: one version string per resource held; 100,000 names asked for, of 2,048 characters; at most 16 types nobody here
 * knows, each answered with nothing.
 */
import { type discoveryPb, resourceTypeByUrl } from '@isthmus/sdk/wire';
import { foreignTypes, type Outgoing, responsesTowards } from './responses.js';
import { createSubscription, MAX_WANTED_NAMES, type Subscription, type SubscriptionStatus } from './subscription.js';
import type { VersionedView } from './views.js';

type Request = discoveryPb.DeltaDiscoveryRequest;

export interface SessionInit {
  /** Makes nonces unlike those of other streams, so that a stale one is recognised. */
  readonly id: string;
  /** The node that the subscriber serves, whose workloads it is told of unasked; empty when it did not say. */
  readonly node?: string;
  /** Resources per response stop at this; one that is larger travels alone. Default 2 MiB. */
  readonly maxResponseBytes?: number;
}

export type Received =
  | { readonly kind: 'subscribed' | 'acked' | 'stale'; readonly typeUrl: string }
  | { readonly kind: 'rejected'; readonly typeUrl: string; readonly nonce: string; readonly reason: string }
  | Unacceptable;

/** The stream has to end, with this for the client. */
export interface Unacceptable {
  readonly kind: 'refused';
  readonly code: 'INVALID_ARGUMENT' | 'RESOURCE_EXHAUSTED';
  readonly reason: string;
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
/** Of type URLs and of names asked for, which are kept: a uid has up to seven parts of 253 characters. */
const MAX_NAME_LENGTH = 2_048;
/** A NACK names what was wrong with each resource; what is kept and logged of it is bounded. */
const MAX_REASON_LENGTH = 4096;

export function createSession({ id, node = '', maxResponseBytes = MAX_RESPONSE_BYTES }: SessionInit): Session {
  const subscriptions = new Map<string, Subscription>();
  let sequence = 0;
  let plan: { readonly view: VersionedView; readonly responses: Iterator<Outgoing> } | undefined;
  const nextNonce = () => {
    sequence += 1;
    return `${id}/${sequence}`;
  };

  function subscribe(request: Request): Received {
    const { typeUrl, initialResourceVersions } = request;
    const wanted = namesWanted(request);
    const problem = findProblem(typeUrl, foreignTypes(subscriptions).length, wanted?.size ?? 0);
    if (problem) return problem;
    const isKnown = resourceTypeByUrl(typeUrl) !== undefined;
    const initial = isKnown ? initialResourceVersions : {};
    subscriptions.set(typeUrl, createSubscription({ typeUrl, initial, ...(isKnown && wanted && { wanted }) }));
    plan = undefined;
    return { kind: 'subscribed', typeUrl };
  }

  return {
    receive(request) {
      const { typeUrl, resourceNamesSubscribe, resourceNamesUnsubscribe } = request;
      if ([typeUrl, ...resourceNamesSubscribe].some(({ length }) => length > MAX_NAME_LENGTH)) return tooLongNames();
      const subscription = subscriptions.get(typeUrl);
      if (!subscription) return subscribe(request);
      const answer = readAnswer(request, subscription) ?? { kind: 'stale', typeUrl };
      if (resourceNamesUnsubscribe.length > 0) {
        subscription.forget(resourceNamesUnsubscribe);
        plan = undefined;
      }
      if (resourceNamesSubscribe.length === 0 || answer.kind === 'rejected') return answer;
      // On a wildcard stream a name is subscribed to already; asking for it again means that it was lost.
      if (!subscription.ask(resourceNamesSubscribe.filter((name) => name !== '*'))) return tooManyNames(typeUrl);
      plan = undefined;
      return { kind: 'subscribed', typeUrl };
    },
    next(view) {
      // A newer view replaces what is left of the way to an older one.
      if (plan?.view !== view) {
        plan = { view, responses: responsesTowards({ subscriptions, view, node, maxResponseBytes, nextNonce }) };
      }
      const { value, done } = plan.responses.next();
      return done ? undefined : value;
    },
    status: () => [...subscriptions.values()].map((subscription) => subscription.status()),
  };
}

/** ACK or NACK; undefined when the request is neither, or answers what was never sent or is long answered. */
function readAnswer(request: Request, subscription: Subscription): Received | undefined {
  const { typeUrl, responseNonce: nonce, errorDetail } = request;
  if (nonce === '') return undefined;
  // Presence is what counts: ztunnel leaves the code at 0.
  if (!errorDetail) return subscription.acked(nonce) ? { kind: 'acked', typeUrl } : undefined;
  const reason = errorDetail.message.slice(0, MAX_REASON_LENGTH);
  return subscription.rejected(nonce, reason) ? { kind: 'rejected', typeUrl, nonce, reason } : undefined;
}

function findProblem(typeUrl: string, foreignCount: number, wantedCount: number): Unacceptable | undefined {
  if (typeUrl === '') return { kind: 'refused', code: 'INVALID_ARGUMENT', reason: 'type_url is empty' };
  if (wantedCount > MAX_WANTED_NAMES) return tooManyNames(typeUrl);
  if (resourceTypeByUrl(typeUrl) !== undefined || foreignCount < MAX_FOREIGN_TYPES) return undefined;
  const reason = `more than ${MAX_FOREIGN_TYPES} unknown resource types`;
  return { kind: 'refused', code: 'INVALID_ARGUMENT', reason };
}

function tooLongNames(): Unacceptable {
  const reason = `a type or a name that is asked for has more than ${MAX_NAME_LENGTH} characters`;
  return { kind: 'refused', code: 'INVALID_ARGUMENT', reason };
}

function tooManyNames(typeUrl: string): Unacceptable {
  const reason = `${typeUrl}: more than ${MAX_WANTED_NAMES} names asked for; subscribe to all resources instead`;
  return { kind: 'refused', code: 'RESOURCE_EXHAUSTED', reason };
}

/**
 * Istio's rule (xds/delta.go): what is asked for or held, less what is taken back. It is a wildcard, hence undefined,
 * when nothing is asked for by name, or `*` is and is not taken back in the same request.
 */
function namesWanted(request: Request): ReadonlySet<string> | undefined {
  const { resourceNamesSubscribe, resourceNamesUnsubscribe, initialResourceVersions } = request;
  if (resourceNamesSubscribe.length === 0) return undefined;
  const names = new Set([...resourceNamesSubscribe, ...Object.keys(initialResourceVersions)]);
  for (const name of resourceNamesUnsubscribe) names.delete(name);
  return names.has('*') ? undefined : names;
}
