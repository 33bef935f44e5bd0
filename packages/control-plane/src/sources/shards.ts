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
      .sort(([a], [b]) => compare(a, b))
      .map(([name, members]) => {
        const shard = groupByKind(members);
        const before = previous?.get(name);
        return [name, before && isSameShard(before, shard) ? before : shard];
      }),
  );
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
  for (const list of byKind.values()) list.sort((a, b) => compare(a.metadata.name, b.metadata.name));
  return Object.fromEntries(byKind) as unknown as ObjectsByKind;
}

/** By code units, not by locale: the order must be the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isSameShard(a: ObjectsByKind, b: ObjectsByKind): boolean {
  return KIND_NAMES.every((kind) => isSameList(a[kind], b[kind]));
}

function isSameList(a: readonly object[], b: readonly object[]): boolean {
  return a.length === b.length && a.every((object, index) => object === b[index]);
}
