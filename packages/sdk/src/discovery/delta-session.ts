/**
 * The subscriber's half of incremental xDS, with no I/O: streams open, responses come in, requests and batches go out.
 * It outlives streams, because what it holds does.
 *
 *            open()                    receive()
 *   (away) ─────────> first requests ───────────> ACK or NACK, batch ─┐
 *      ^                                   ^                          │
 *      └───────── open() after a loss ─────┴──────────────────────────┘
 *
 * Rules (xDS protocol, "incremental"; ztunnel where the protocol leaves room):
 * - every type is subscribed to as a wildcard, or addresses on demand: then none but what the server tells unasked (the
 *   workloads of the node) and what is asked for by name; the first request of each type on a stream carries the node, and after a
 *   reconnect every name held with its version, so that nothing held is sent again and nothing removed is missed;
 * - one request per response, in order; a response may be refused in part: good resources and removals count, of a bad
 *   one the last good version stays in force, and it is that version that a reconnect reports;
 * - presence of `errorDetail` is what makes a NACK.
 *
 * - a name asked for is answered by a resource of that name, by one that lists it as an alias, or by its removal; until
 *   then a reconnect asks again.
 *
 * Bounds: one version string per resource held; 10,000 names asked for and not answered, beyond which the oldest is no
 * longer waited for; a NACK names at most 20 resources.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { discoveryPb } from '../wire/protos.js';
import {
  RESOURCE_TYPE_NAMES,
  RESOURCE_TYPES,
  type ResourceTypeName,
  resourceTypeByUrl,
} from '../wire/resource-types.js';
import { formatProblems } from './decode/problems.js';
import { decodeResource } from './decode/resource.js';
import type { ResourceModel } from './model.js';
import type { Batch, Removal } from './store.js';

export interface DeltaSession {
  /** A stream opened: what to send on it first. */
  open(): readonly discoveryPb.DeltaDiscoveryRequest[];
  receive(response: discoveryPb.DeltaDiscoveryResponse): Received;
  /** Addresses asked for by name: the request to send, or undefined when every name has been asked for already. */
  demand(names: readonly string[]): discoveryPb.DeltaDiscoveryRequest | undefined;
  /** Every type was answered once and the answer is in force. Never becomes false again. */
  readonly synced: boolean;
  /** Names and versions in force, and what was refused last under which name. */
  state(type: ResourceTypeName): SubscriptionState;
}

export interface Received {
  /** The ACK or NACK. */
  readonly reply: discoveryPb.DeltaDiscoveryRequest;
  /** What to apply before replying. */
  readonly batch: Batch;
  readonly refused: readonly Refusal[];
  /** Names asked for that this response answers, be it with nothing. */
  readonly answered: readonly string[];
}

/** `on-demand`: addresses are asked for by name (ztunnel's XDS_ON_DEMAND); policies never are. */
export type SubscriptionMode = 'wildcard' | 'on-demand';

export interface Refusal {
  readonly name: string;
  readonly reason: string;
}

export interface SubscriptionState {
  readonly synced: boolean;
  readonly versions: ReadonlyMap<string, string>;
  /** Reason by name, until a good version or a removal comes. */
  readonly refused: ReadonlyMap<string, string>;
}

/** google.rpc.Code.INVALID_ARGUMENT. ztunnel leaves the code 0; servers look at presence only. */
const INVALID_ARGUMENT = 3;
const MAX_NACKED_NAMES = 20;
const MAX_PENDING = 10_000;

interface Subscription extends SubscriptionState {
  readonly mode: SubscriptionMode;
  /** Names asked for and not answered yet, the oldest first. */
  readonly pending: Set<string>;
  synced: boolean;
  readonly versions: Map<string, string>;
  readonly refused: Map<string, string>;
}

export function createDeltaSession(node: discoveryPb.Node, mode: SubscriptionMode = 'wildcard'): DeltaSession {
  const subscriptions = newSubscriptions(mode);
  return {
    open: () => RESOURCE_TYPE_NAMES.map((type) => firstRequest(type, node, subscriptions[type])),
    receive(response) {
      const type = resourceTypeByUrl(response.typeUrl);
      // Not asked for, so not ours to refuse: ztunnel acknowledges it too.
      if (!type)
        return { reply: replyTo(response, []), batch: { upserts: [], removals: [] }, refused: [], answered: [] };
      return receive(type, subscriptions[type], response);
    },
    demand: (names) => demand(subscriptions.address, names),
    get synced() {
      return RESOURCE_TYPE_NAMES.every((type) => subscriptions[type].synced);
    },
    state: (type) => subscriptions[type],
  };
}

function newSubscriptions(addresses: SubscriptionMode): Record<ResourceTypeName, Subscription> {
  const create = (mode: SubscriptionMode): Subscription => ({
    mode,
    pending: new Set(),
    synced: false,
    versions: new Map(),
    refused: new Map(),
  });
  return { address: create(addresses), authorization: create('wildcard') };
}

/** Subscribing to everything and to nothing at once is how ztunnel says that it will ask. */
const ASKING = { resourceNamesSubscribe: ['*'], resourceNamesUnsubscribe: ['*'] };

function firstRequest(
  type: ResourceTypeName,
  node: discoveryPb.Node,
  { mode, versions, refused, pending }: Subscription,
) {
  // What is still bad comes again, because its version is not among those held.
  refused.clear();
  const unanswered = [...pending].map((name) => [name, ''] as const);
  return request({
    typeUrl: RESOURCE_TYPES[type].typeUrl,
    node,
    ...(mode === 'on-demand' && ASKING),
    initialResourceVersions: Object.fromEntries([...unanswered, ...versions]),
  });
}

function demand({ pending }: Subscription, names: readonly string[]) {
  const fresh = names.filter((name) => !pending.has(name));
  if (fresh.length === 0) return undefined;
  for (const name of fresh) {
    const [oldest] = pending;
    if (oldest !== undefined && pending.size >= MAX_PENDING) pending.delete(oldest);
    pending.add(name);
  }
  return request({ typeUrl: RESOURCE_TYPES.address.typeUrl, resourceNamesSubscribe: fresh });
}

/** An alias is held under its own name like everything else, so it stays one after it was answered. */
function isAlias({ mode, pending, versions }: Subscription): (name: string) => boolean {
  return (name) => mode === 'on-demand' && (pending.has(name) || versions.has(name));
}

/** Names asked for that the response answers, be it with nothing. */
function settle({ pending }: Subscription, { resources, removedResources }: discoveryPb.DeltaDiscoveryResponse) {
  const answered = [...resources.flatMap(({ name, aliases }) => [name, ...aliases]), ...removedResources].filter(
    (name) => pending.delete(name),
  );
  return answered;
}

function receive(
  type: ResourceTypeName,
  subscription: Subscription,
  response: discoveryPb.DeltaDiscoveryResponse,
): Received {
  const { versions, refused: refusedNames } = subscription;
  const upserts: ResourceModel[] = [];
  const refused: Refusal[] = [];
  for (const resource of response.resources) {
    const decoded = decodeResource(type, resource, isAlias(subscription));
    if (decoded.ok) {
      upserts.push(decoded.value);
      versions.set(resource.name, resource.version);
      refusedNames.delete(resource.name);
    } else {
      const reason = formatProblems(decoded.problems);
      refused.push({ name: resource.name, reason });
      refusedNames.set(resource.name, reason);
    }
  }
  const removals: Removal[] = [];
  for (const name of response.removedResources) {
    refusedNames.delete(name);
    if (versions.delete(name)) removals.push({ type, name });
  }
  subscription.synced ||= isFirstSync(type, refused);
  const answered = settle(subscription, response);
  return { reply: replyTo(response, refused), batch: { upserts, removals }, refused, answered };
}

/**
 * An address that is refused at first is missing, and connections to it fail: safe. A policy that is refused at first
 * might be the one that denies, so until all are in force nothing is served, as in ztunnel.
 */
function isFirstSync(type: ResourceTypeName, refused: readonly Refusal[]): boolean {
  return type === 'address' || refused.length === 0;
}

function replyTo({ typeUrl, nonce }: discoveryPb.DeltaDiscoveryResponse, refused: readonly Refusal[]) {
  const reply = { typeUrl, responseNonce: nonce };
  if (refused.length === 0) return request(reply);
  return request({ ...reply, errorDetail: { code: INVALID_ARGUMENT, message: formatRefusals(refused) } });
}

/** As ztunnel words it: `name: reason` joined by `; `. */
export function formatRefusals(refused: readonly Refusal[]): string {
  const named = refused.slice(0, MAX_NACKED_NAMES).map(({ name, reason }) => `${name}: ${reason}`);
  const rest = refused.length - named.length;
  return [...named, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}

function request(init: MessageInitShape<typeof discoveryPb.DeltaDiscoveryRequestSchema>) {
  return create(discoveryPb.DeltaDiscoveryRequestSchema, init);
}
