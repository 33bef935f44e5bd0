/**
 * The objects of one cluster by namespace. What belongs to one namespace is derived from its objects and a few facts of
 * the cluster, so a shard that is the same object as before needs no second look: that is what makes one change among a
 * hundred thousand objects cheap.
 */
import { KIND_NAMES, type Kind, type KubeObject, type ObjectsByKind } from './kinds/index.js';

/** In the order of names. A Namespace is among its own objects; Nodes are in the shard of the empty name. */
export type ObjectsByNamespace = ReadonlyMap<string, ObjectsByKind>;

export const NO_OBJECTS: ObjectsByKind = Object.freeze(
  Object.fromEntries(KIND_NAMES.map((kind) => [kind, Object.freeze([])])),
) as unknown as ObjectsByKind;

export function shardOf({ kind, metadata }: KubeObject): string {
  return kind === 'Namespace' ? metadata.name : metadata.namespace;
}

/** Each list in the order of names. Shards that hold the very objects of `previous` are taken from there. */
export function groupObjects(objects: readonly KubeObject[], previous?: ObjectsByNamespace): ObjectsByNamespace {
  const shards = new Map<string, KubeObject[]>();
  for (const object of objects) {
    const name = shardOf(object);
    const shard = shards.get(name);
    if (shard) shard.push(object);
    else shards.set(name, [object]);
  }
  return new Map(
    [...shards]
      .sort(([a], [b]) => compareNames(a, b))
      .map(([name, members]) => {
        const shard = groupByKind(members);
        const before = previous?.get(name);
        return [name, before && isSameShard(before, shard) ? before : shard];
      }),
  );
}

/** New lists of some kinds of one namespace, each in the order of names. */
export type ListChanges = ReadonlyMap<Kind, readonly KubeObject[]>;

/** The same as before when nothing changed; what did not change is taken over. A namespace without objects is gone. */
export function updateShards(
  objects: ObjectsByNamespace,
  changes: ReadonlyMap<string, ListChanges>,
): ObjectsByNamespace {
  const shards = [...changes].map(([name, lists]) => [name, updateShard(objects.get(name), lists)] as const);
  const changed = shards.filter(([name, shard]) => shard !== objects.get(name));
  if (changed.length === 0) return objects;
  const next = new Map(objects);
  for (const [name, shard] of changed) {
    if (shard) next.set(name, shard);
    else next.delete(name);
  }
  const isOrdered = changed.every(([name, shard]) => !shard || objects.has(name));
  return isOrdered ? next : new Map([...next].sort(([a], [b]) => compareNames(a, b)));
}

function updateShard(before: ObjectsByKind | undefined, lists: ListChanges): ObjectsByKind | undefined {
  const known = before ?? NO_OBJECTS;
  const changed = [...lists].filter(([kind, list]) => !isSameList(known[kind], list));
  if (changed.length === 0) return before;
  const shard = { ...known, ...Object.fromEntries(changed) };
  return Object.values(shard).some((list) => list.length > 0) ? shard : undefined;
}

export function objectsOf<K extends Kind>(objects: ObjectsByNamespace, kind: K): readonly KubeObject<K>[] {
  return [...objects.values()].flatMap((shard): readonly KubeObject<K>[] => shard[kind]);
}

export function countObjects(objects: ObjectsByNamespace): number {
  return [...objects.values()].flatMap((shard) => Object.values(shard)).reduce((sum, list) => sum + list.length, 0);
}

function groupByKind(objects: readonly KubeObject[]): ObjectsByKind {
  const byKind = new Map<Kind, KubeObject[]>(KIND_NAMES.map((kind) => [kind, []]));
  for (const object of objects) byKind.get(object.kind)?.push(object);
  for (const list of byKind.values()) list.sort((a, b) => compareNames(a.metadata.name, b.metadata.name));
  return Object.fromEntries(byKind) as unknown as ObjectsByKind;
}

/** By code units, not by locale: the order must be the same on every machine. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isSameShard(a: ObjectsByKind, b: ObjectsByKind): boolean {
  return KIND_NAMES.every((kind) => isSameList(a[kind], b[kind]));
}

function isSameList(a: readonly object[], b: readonly object[]): boolean {
  return a.length === b.length && a.every((object, index) => object === b[index]);
}
