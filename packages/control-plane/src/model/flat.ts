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

interface Shard<S, W> {
  readonly services: ReadonlyMap<string, S>;
  readonly workloads: ReadonlyMap<string, W>;
}

/** With what all namespaces have together; put together at the first look. */
export function withAll<S, W, Rest extends object>(
  namespaces: ReadonlyMap<string, Shard<S, W>>,
  rest: Rest,
): Rest & Shard<S, W> {
  const shards = [...namespaces.values()];
  const services = lazily(() => mergeMaps(shards.map((shard) => shard.services)));
  const workloads = lazily(() => mergeMaps(shards.map((shard) => shard.workloads)));
  const all: Shard<S, W> = {
    get services() {
      return services();
    },
    get workloads() {
      return workloads();
    },
  };
  // Onto what has the getters: spread into another object they would be looked at.
  return Object.assign(all, rest);
}
