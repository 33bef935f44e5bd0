/** What a subscriber is to be told: the difference between what it holds and what there is. */
import type { EncodedResource } from './encode.js';
import type { Changes } from './journal.js';
import type { Selection } from './selection.js';
import type { Subscription } from './subscription.js';

export interface Difference {
  readonly changed: readonly EncodedResource[];
  readonly removed: readonly string[];
}

/** Between what is held and all that is to be held. */
export function differenceOf({ held, asked }: Subscription, { resources, answers }: Selection): Difference {
  // Loops: this is every resource of the mesh, for every subscriber that comes new.
  const changed: EncodedResource[] = [];
  for (const resource of resources.values()) {
    const { name, version } = resource;
    if (held.version(name) !== version || answers.has(name)) changed.push(resource);
  }
  const removed = new Set<string>();
  for (const names of [held.names(), asked]) for (const name of names) if (!resources.has(name)) removed.add(name);
  return { changed, removed: [...removed] };
}

/** The same for a wildcard that had all of a view, from what changed since. */
export function differenceSince({ held, asked }: Subscription, changes: Changes): Difference | undefined {
  if (asked.size > 0) return undefined;
  const changed: EncodedResource[] = [];
  const removed: string[] = [];
  for (const [name, resource] of changes) {
    const version = held.version(name);
    if (!resource && version !== undefined) removed.push(name);
    if (resource && version !== resource.version) changed.push(resource);
  }
  return { changed, removed };
}
