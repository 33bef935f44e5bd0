/**
 * An immutable map from strings, for snapshots of large meshes: an edit copies the path to one entry (a few arrays of 32
 * and a leaf of at most 32 entries) and shares the rest with the version before. Reads cost one string hash and at most
 * seven steps. Iteration order is by hash and not meaningful.
 *
 * Edits go through a draft. A draft copies a node the first time it touches it and then changes its copy in place, so a
 * batch of a hundred thousand entries costs about what filling a Map costs.
 */

const BITS = 5;
const WIDTH = 1 << BITS;
const LEAF_LIMIT = 32;
/** Beyond this depth 32-bit hashes are used up; keys with equal hashes share a leaf of any size. */
const MAX_SHIFT = 30;

/** Who may change a node in place: the draft that made it, until it is finished. */
type Owner = object;

interface Leaf<V> {
  readonly owner: Owner;
  readonly entries: Map<string, V>;
}
interface Branch<V> {
  readonly owner: Owner;
  readonly children: (Node<V> | undefined)[];
}
type Node<V> = Leaf<V> | Branch<V>;

export interface PersistentMap<V> {
  readonly size: number;
  get(key: string): V | undefined;
  values(): IterableIterator<V>;
  edit(): MapDraft<V>;
}

/** Edits on top of a map that stays as it was. */
export interface MapDraft<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  /** The edited map; the very one the draft began with when nothing changed. The draft must not be used afterwards. */
  finish(): PersistentMap<V>;
}

export function emptyMap<V>(): PersistentMap<V> {
  return wrap<V>(undefined, 0);
}

function wrap<V>(root: Node<V> | undefined, size: number): PersistentMap<V> {
  const map: PersistentMap<V> = {
    size,
    get: (key) => find(root, key),
    values: () => valuesOf(root),
    edit: () => createDraft(map, root),
  };
  return map;
}

function createDraft<V>(origin: PersistentMap<V>, originRoot: Node<V> | undefined): MapDraft<V> {
  const owner: Owner = {};
  let root = originRoot;
  let size = origin.size;
  let changed = false;
  return {
    get: (key) => find(root, key),
    set(key, value) {
      const before = find(root, key);
      if (before === value && before !== undefined) return;
      if (before === undefined) size++;
      root = insert(root, owner, key, value);
      changed = true;
    },
    delete(key) {
      if (find(root, key) === undefined) return;
      root = root && remove(root, owner, key, hash(key), 0);
      size--;
      changed = true;
    },
    finish: () => (changed ? wrap(root, size) : origin),
  };
}

function find<V>(root: Node<V> | undefined, key: string): V | undefined {
  let node = root;
  for (let rest = hash(key); node && 'children' in node; rest >>>= BITS) node = node.children[rest & (WIDTH - 1)];
  return node?.entries.get(key);
}

function insert<V>(root: Node<V> | undefined, owner: Owner, key: string, value: V): Node<V> {
  return insertAt(root, owner, { key, value, hash: hash(key) }, 0);
}

interface Entry<V> {
  readonly key: string;
  readonly value: V;
  readonly hash: number;
}

function insertAt<V>(node: Node<V> | undefined, owner: Owner, entry: Entry<V>, shift: number): Node<V> {
  if (!node) return { owner, entries: new Map([[entry.key, entry.value]]) };
  if ('children' in node) {
    const own = ownBranch(node, owner);
    const slot = (entry.hash >>> shift) & (WIDTH - 1);
    own.children[slot] = insertAt(own.children[slot], owner, entry, shift + BITS);
    return own;
  }
  const own = ownLeaf(node, owner);
  own.entries.set(entry.key, entry.value);
  return own.entries.size > LEAF_LIMIT && shift <= MAX_SHIFT ? split(own, owner, shift) : own;
}

function split<V>(leaf: Leaf<V>, owner: Owner, shift: number): Branch<V> {
  const branch: Branch<V> = { owner, children: new Array(WIDTH) };
  for (const [key, value] of leaf.entries) {
    const entry = { key, value, hash: hash(key) };
    const slot = (entry.hash >>> shift) & (WIDTH - 1);
    branch.children[slot] = insertAt(branch.children[slot], owner, entry, shift + BITS);
  }
  return branch;
}

/** undefined when the node has nothing left, so that a map that shrinks gives its nodes back. */
function remove<V>(node: Node<V>, owner: Owner, key: string, keyHash: number, shift: number): Node<V> | undefined {
  if (!('children' in node)) {
    const own = ownLeaf(node, owner);
    own.entries.delete(key);
    return own.entries.size > 0 ? own : undefined;
  }
  const own = ownBranch(node, owner);
  const slot = (keyHash >>> shift) & (WIDTH - 1);
  const child = own.children[slot];
  own.children[slot] = child && remove(child, owner, key, keyHash, shift + BITS);
  return own.children.some((remaining) => remaining !== undefined) ? own : undefined;
}

function ownLeaf<V>(leaf: Leaf<V>, owner: Owner): Leaf<V> {
  return leaf.owner === owner ? leaf : { owner, entries: new Map(leaf.entries) };
}

function ownBranch<V>(branch: Branch<V>, owner: Owner): Branch<V> {
  return branch.owner === owner ? branch : { owner, children: branch.children.slice() };
}

function* valuesOf<V>(node: Node<V> | undefined): IterableIterator<V> {
  if (!node) return;
  if (!('children' in node)) {
    yield* node.entries.values();
    return;
  }
  for (const child of node.children) yield* valuesOf(child);
}

/** FNV-1a over UTF-16 units, then mixed, because the low five bits choose the first step. */
function hash(key: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) value = Math.imul(value ^ key.charCodeAt(index), 0x01000193);
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b3c6d);
  return (value ^ (value >>> 13)) >>> 0;
}
