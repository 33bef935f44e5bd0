/**
 * From what a subscriber holds to the newest view, response by response. Each response counts as held from the moment it
 * is made, so the rest can be dropped at any time and worked out anew towards a newer view.
 */
import {
  CONTROL_PLANE_IDENTIFIER,
  encodeDeltaResponse,
  RESOURCE_TYPES,
  type ResourceTypeName,
  resourceTypeByUrl,
} from '@isthmus/sdk/wire';
import { type Difference, differenceOf, differenceSince } from './difference.js';
import type { EncodedResource, EncodedResources } from './encode.js';
import { select } from './selection.js';
import type { Subscription } from './subscription.js';
import type { VersionedView } from './views.js';

export interface Outgoing {
  readonly typeUrl: string;
  readonly nonce: string;
  /** An encoded DeltaDiscoveryResponse. */
  readonly bytes: Uint8Array;
  readonly resources: number;
  readonly removed: number;
}

export interface ResponsesInit {
  /** By type URL. */
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly view: VersionedView;
  /** Of the subscriber; see `SessionInit`. */
  readonly node: string;
  readonly maxResponseBytes: number;
  readonly nextNonce: () => string;
}

/**
 * Policies travel before the workloads that name them and leave after them: a proxy that knows the workload only would
 * let through what the policy denies.
 */
const STEPS = [
  { type: 'authorization', what: 'changed' },
  { type: 'address', what: 'all' },
  { type: 'authorization', what: 'all' },
] as const satisfies readonly Step[];

interface Step {
  readonly type: ResourceTypeName;
  readonly what: 'changed' | 'all';
}

export function* responsesTowards(init: ResponsesInit): Generator<Outgoing> {
  for (const step of STEPS) {
    const subscription = init.subscriptions.get(RESOURCE_TYPES[step.type].typeUrl);
    if (subscription) yield* stepResponses(init, subscription, step);
  }
  for (const subscription of foreignTypes(init.subscriptions)) {
    if (subscription.owed) yield respond(init, subscription, { changed: [], removed: [] });
  }
}

/** Of types nobody here knows; all there is to say is that there is nothing. */
export function foreignTypes(subscriptions: ReadonlyMap<string, Subscription>): readonly Subscription[] {
  return [...subscriptions.values()].filter(({ typeUrl }) => resourceTypeByUrl(typeUrl) === undefined);
}

function* stepResponses(init: ResponsesInit, subscription: Subscription, { type, what }: Step): Generator<Outgoing> {
  const { difference, all } = differenceTowards(init, subscription, type);
  const removed = what === 'all' ? difference.removed : [];
  const chunks = chunksOf(difference.changed, init.maxResponseBytes);
  const isDue = what === 'all' && (subscription.owed || removed.length > 0);
  if (chunks.length === 0 && isDue) chunks.push([]);
  for (const [index, changed] of chunks.entries()) {
    yield respond(init, subscription, { changed, removed: index === chunks.length - 1 ? removed : [] });
  }
  if (what === 'all') subscription.reach(init.view.version, all);
}

interface Towards {
  readonly difference: Difference;
  /** All that the subscriber holds once it was sent the difference; absent when that is known from changes only. */
  readonly all?: EncodedResources;
}

function differenceTowards({ view, node }: ResponsesInit, subscription: Subscription, type: ResourceTypeName): Towards {
  const { reached, wanted } = subscription;
  const changes = reached === undefined || wanted ? undefined : view.changesSince(type, reached);
  const quick = changes && differenceSince(subscription, changes);
  if (quick) return { difference: quick };
  const index = type === 'address' ? view.addressIndex : undefined;
  const all = view.resources[type];
  const difference = differenceOf(subscription, select({ subscription, all, index, node }));
  return wanted ? { difference } : { difference, all };
}

function respond(
  { view, nextNonce }: ResponsesInit,
  subscription: Subscription,
  { changed, removed }: Difference,
): Outgoing {
  const { typeUrl } = subscription;
  const nonce = nextNonce();
  subscription.sent(nonce, changed, removed);
  const bytes = encodeDeltaResponse({
    typeUrl,
    nonce,
    systemVersionInfo: String(view.version),
    controlPlane: CONTROL_PLANE_IDENTIFIER,
    resources: changed.map((resource) => resource.bytes),
    removedResources: removed,
  });
  return { typeUrl, nonce, bytes, resources: changed.length, removed: removed.length };
}

function chunksOf(resources: readonly EncodedResource[], maxBytes: number): EncodedResource[][] {
  const chunks: EncodedResource[][] = [];
  let bytes = 0;
  for (const resource of resources) {
    const chunk = chunks.at(-1);
    bytes += resource.size;
    if (chunk && bytes <= maxBytes) chunk.push(resource);
    else {
      chunks.push([resource]);
      bytes = resource.size;
    }
  }
  return chunks;
}
