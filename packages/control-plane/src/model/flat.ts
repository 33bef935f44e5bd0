/** Shards put together again, for those who look at everything: pages for people, first subscribers, tests. */

/** Made at the first call, then kept. */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** In the order of shards, and within each in its own. */
export function mergeMaps<V>(maps: Iterable<ReadonlyMap<string, V>>): ReadonlyMap<string, V> {
  const merged = new Map<string, V>();
  for (const map of maps) for (const [key, value] of map) merged.set(key, value);
  return merged;
}
