/**
 * What one subscriber holds of one type: versions by name. All who have been sent a whole view share one table of it, which
 * would else be the largest thing that is kept for a subscriber; what differs since is its own.
 *
 * What was sent is noted when it is next asked for. A first push thus ends in the shared table without ever making another.
 */
import type { EncodedResource, EncodedResources } from './encode.js';

export interface Holdings {
  readonly size: number;
  version(name: string): string | undefined;
  names(): Iterable<string>;
  add(resources: readonly EncodedResource[]): void;
  remove(names: readonly string[]): void;
  /** It holds these, and nothing else. */
  settle(all: EncodedResources): void;
}

type Versions = ReadonlyMap<string, string>;

const NOTHING: Versions = new Map();

export function createHoldings(initial: Iterable<readonly [string, string]>): Holdings {
  let shared = NOTHING;
  /** Undefined for what is in the shared table and is held no longer. */
  let own = new Map<string, string | undefined>(initial);
  let unnoted: (readonly EncodedResource[])[] = [];

  function note(): void {
    for (const resources of unnoted) for (const { name, version } of resources) own.set(name, version);
    unnoted = [];
  }

  return {
    get size() {
      note();
      let size = shared.size;
      for (const [name, version] of own) size += Number(version !== undefined) - Number(shared.has(name));
      return size;
    },
    version(name) {
      if (unnoted.length > 0) note();
      return own.get(name) ?? (own.has(name) ? undefined : shared.get(name));
    },
    *names() {
      note();
      for (const [name, version] of own) if (version !== undefined) yield name;
      for (const name of shared.keys()) if (!own.has(name)) yield name;
    },
    add(resources) {
      if (resources.length > 0) unnoted.push(resources);
    },
    remove(names) {
      if (names.length === 0) return;
      note();
      for (const name of names) {
        if (shared.has(name)) own.set(name, undefined);
        else own.delete(name);
      }
    },
    settle(all) {
      shared = versionsOf(all);
      own = new Map();
      unnoted = [];
    },
  };
}

const tables = new WeakMap<EncodedResources, Versions>();

/** Without the resources, which would outlive their view. */
function versionsOf(all: EncodedResources): Versions {
  const known = tables.get(all);
  if (known) return known;
  const versions = new Map<string, string>();
  for (const [name, { version }] of all) versions.set(name, version);
  tables.set(all, versions);
  return versions;
}
