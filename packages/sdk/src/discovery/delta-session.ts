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
 * - every type is subscribed to as a wildcard; the first request of each type on a stream carries the node, and after a
 *   reconnect every name held with its version, so that nothing held is sent again and nothing removed is missed;
 * - one request per response, in order; a response may be refused in part: good resources and removals count, of a bad
 *   one the last good version stays in force, and it is that version that a reconnect reports;
 * - presence of `errorDetail` is what makes a NACK.
 *
 * Bounds: one version string per resource held; a NACK names at most 20 resources.
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
}

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

interface Subscription extends SubscriptionState {
  synced: boolean;
  readonly versions: Map<string, string>;
  readonly refused: Map<string, string>;
}

export function createDeltaSession(node: discoveryPb.Node): DeltaSession {
  const subscriptions = newSubscriptions();
  return {
    open: () => RESOURCE_TYPE_NAMES.map((type) => firstRequest(type, node, subscriptions[type])),
    receive(response) {
      const type = resourceTypeByUrl(response.typeUrl);
      // Not asked for, so not ours to refuse: ztunnel acknowledges it too.
      if (!type) return { reply: replyTo(response, []), batch: { upserts: [], removals: [] }, refused: [] };
      return receive(type, subscriptions[type], response);
    },
    get synced() {
      return RESOURCE_TYPE_NAMES.every((type) => subscriptions[type].synced);
    },
    state: (type) => subscriptions[type],
  };
}

function newSubscriptions(): Record<ResourceTypeName, Subscription> {
  const create = (): Subscription => ({ synced: false, versions: new Map(), refused: new Map() });
  return { address: create(), authorization: create() };
}

function firstRequest(type: ResourceTypeName, node: discoveryPb.Node, { versions, refused }: Subscription) {
  // What is still bad comes again, because its version is not among those held.
  refused.clear();
  return request({
    typeUrl: RESOURCE_TYPES[type].typeUrl,
    node,
    initialResourceVersions: Object.fromEntries(versions),
  });
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
    const decoded = decodeResource(type, resource);
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
  return { reply: replyTo(response, refused), batch: { upserts, removals }, refused };
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
