/**
 * The objects of one cluster as its API tells of them, one by one, and the generations they make. An object that
 * cannot be read is told with its name and its last good version stays; the others go on without it.
 *
 * An event costs a look at the list of its own namespace and kind: what did not change is the very object it was, and so
 * are the lists and shards around it. An event that changes nothing the mesh reads (a heartbeat, a status) makes no
 * generation. As large as the cluster: what an object has and the mesh does not read is not kept.
 */
import { isDeepStrictEqual } from 'node:util';
import { hasErrors, type Problem } from '../../schema/index.js';
import { findDuplicateHosts, type Generation } from '../generation.js';
import { KIND_NAMES, type Kind, type KubeObject } from '../kinds/index.js';
import { parseObject } from '../parse.js';
import { compareNames, type ListChanges, shardOf, updateShards } from '../shards.js';
import { RESOURCES } from './resources.js';

export interface FoundProblem extends Problem {
  readonly kind: Kind;
  /** Whether an older version of the object is in force meanwhile. */
  readonly isHeld: boolean;
}

export interface ObjectStoreInit {
  readonly cluster: string;
  /** The DNS suffix of Services, for hosts that a ServiceEntry may not claim. */
  readonly clusterDomain: string;
  /** Each that was not there before. */
  readonly onProblem: (problem: FoundProblem) => void;
}

/** All objects of a kind, which take the place of those before when the last has come. */
export interface Relisting {
  add(values: readonly unknown[]): void;
  finish(): void;
}

export interface ObjectStore {
  relist(kind: Kind): Relisting;
  put(kind: Kind, value: unknown): void;
  remove(kind: Kind, value: unknown): void;
  /** Of all that came so far; the same as before when nothing changed. */
  commit(): Generation;
  problems(): readonly Problem[];
}

/** One object as it came, and what is wrong with it. */
interface Reading {
  readonly id: ObjectId;
  readonly object: KubeObject | undefined;
  readonly problems: readonly Problem[];
}

/** Of one kind: those in force and what is wrong with those that came, which may be others. */
interface Held {
  readonly kind: Kind;
  readonly shards: Map<string, Map<string, KubeObject>>;
  readonly problems: Map<string, readonly Problem[]>;
}

export function createObjectStore({ cluster, clusterDomain, onProblem }: ObjectStoreInit): ObjectStore {
  const held = new Map<Kind, Held>(KIND_NAMES.map((kind) => [kind, { kind, shards: new Map(), problems: new Map() }]));
  /** ServiceEntries for hosts that others speak for already, by namespace. */
  const claimed = new Map<string, readonly Problem[]>();
  let touched = new Map<string, Set<Kind>>();
  let generation: Generation = { objects: new Map(), problems: [] };

  function apply(of: Held, { id, object, problems }: Reading): void {
    const shard = shardName(of.kind, id);
    const names = of.shards.get(shard) ?? new Map<string, KubeObject>();
    replaceProblems(of.problems, keyOf(id), problems, (problem) => {
      onProblem({ ...problem, kind: of.kind, isHeld: names.has(id.name) });
    });
    if (!object || names.get(id.name) === object) return;
    of.shards.set(shard, names.set(id.name, object));
    touch(of.kind, shard);
  }

  function drop(of: Held, id: ObjectId): void {
    const shard = shardName(of.kind, id);
    of.problems.delete(keyOf(id));
    const names = of.shards.get(shard);
    if (!names?.delete(id.name)) return;
    if (names.size === 0) of.shards.delete(shard);
    touch(of.kind, shard);
  }

  function touch(kind: Kind, shard: string): void {
    touched.set(shard, (touched.get(shard) ?? new Set<Kind>()).add(kind));
  }

  /** The lists of one namespace that may have changed. */
  function changesOf(shard: string, kinds: ReadonlySet<Kind>): ListChanges {
    const lists = new Map([...kinds].map((kind) => [kind, listOf(heldOf(held, kind), shard)] as const));
    if (!kinds.has('Service') && !kinds.has('ServiceEntry')) return lists;
    const entries = listOf(heldOf(held, 'ServiceEntry'), shard);
    const found = findDuplicateHosts(
      [...listOf(heldOf(held, 'Service'), shard), ...oldestFirst(entries)],
      clusterDomain,
    );
    replaceProblems(claimed, shard, found, (problem) => onProblem({ ...problem, kind: 'ServiceEntry', isHeld: false }));
    const losers = new Set(found.map(({ file }) => file));
    return lists.set(
      'ServiceEntry',
      losers.size === 0 ? entries : entries.filter(({ origin }) => !losers.has(origin.file)),
    );
  }

  const problems = () => [...[...held.values()].flatMap((of) => [...of.problems.values()]), ...claimed.values()].flat();

  return {
    relist(kind) {
      const of = heldOf(held, kind);
      const readings = new Map<string, Reading>();
      return {
        add(values) {
          for (const value of values) {
            const reading = read(cluster, of, value);
            readings.set(keyOf(reading.id), reading);
          }
        },
        finish() {
          for (const id of idsOf(of)) if (!readings.has(keyOf(id))) drop(of, id);
          for (const key of of.problems.keys()) if (!readings.has(key)) of.problems.delete(key);
          for (const reading of readings.values()) apply(of, reading);
        },
      };
    },
    put(kind, value) {
      const of = heldOf(held, kind);
      apply(of, read(cluster, of, value));
    },
    remove: (kind, value) => drop(heldOf(held, kind), idOf(value)),
    commit() {
      const changes = new Map([...touched].map(([shard, kinds]) => [shard, changesOf(shard, kinds)]));
      touched = new Map();
      const objects = updateShards(generation.objects, changes);
      if (objects !== generation.objects) generation = { objects, problems: problems() };
      return generation;
    },
    problems,
  };
}

function heldOf(held: ReadonlyMap<Kind, Held>, kind: Kind): Held {
  const found = held.get(kind);
  if (!found) throw new Error(`no kind ${kind}`);
  return found;
}

interface ObjectId {
  readonly namespace: string;
  readonly name: string;
}

/** An object without name is told by an empty one. */
function idOf(value: unknown): ObjectId {
  const { name, namespace } =
    (value as { readonly metadata?: Partial<Record<keyof ObjectId, unknown>> | null } | null)?.metadata ?? {};
  return {
    namespace: typeof namespace === 'string' ? namespace : '',
    name: typeof name === 'string' ? name : '',
  };
}

function keyOf({ namespace, name }: ObjectId): string {
  return `${namespace}/${name}`;
}

function shardName(kind: Kind, { namespace, name }: ObjectId): string {
  return kind === 'Namespace' ? name : namespace;
}

function idsOf({ shards }: Held): readonly ObjectId[] {
  return [...shards.values()].flatMap((names) => [...names.values()]).map(({ metadata }) => metadata);
}

/** Items of lists do not say what they are; their kind is that of the list. An object that is as it was is the old one. */
function read(cluster: string, { kind, shards }: Held, value: unknown): Reading {
  const id = idOf(value);
  const file = [cluster, id.namespace, kind, id.name || '(without name)'].filter((part) => part !== '').join('/');
  const header = { apiVersion: RESOURCES.get(kind)?.apiVersion, kind };
  const whole = typeof value === 'object' && value !== null ? { ...value, ...header } : header;
  const { objects, problems } = parseObject(whole, { file, line: 0, col: 0 });
  const [object] = hasErrors(problems) ? [] : objects;
  const before = object && shards.get(shardOf(object))?.get(id.name);
  return { id, object: isDeepStrictEqual(before, object) ? before : object, problems };
}

function listOf({ shards }: Held, shard: string): readonly KubeObject[] {
  return [...(shards.get(shard)?.values() ?? [])].sort((a, b) => compareNames(a.metadata.name, b.metadata.name));
}

/** Of two that claim one host the older stays, as in Istio. */
function oldestFirst(entries: readonly KubeObject[]): readonly KubeObject[] {
  const born = ({ metadata }: KubeObject) => metadata.creationTimestamp ?? '';
  return [...entries].sort((a, b) => compareNames(born(a), born(b)));
}

function replaceProblems(
  known: Map<string, readonly Problem[]>,
  key: string,
  found: readonly Problem[],
  onNew: (problem: Problem) => void,
): void {
  const before = known.get(key) ?? [];
  if (found.length === 0) known.delete(key);
  else known.set(key, found);
  for (const problem of found) if (!before.some((each) => isDeepStrictEqual(each, problem))) onNew(problem);
}
