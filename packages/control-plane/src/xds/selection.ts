/**
 * What of a view one subscriber is to hold: all of it, or what it asked for by name and what belongs to that.
 *
 * A resource that was asked for by an alias is answered twice: under its own name, with the alias in `aliases` as the
 * protocol says, and as a copy under the name asked for, because ztunnel waits for a resource of exactly that name and
 * reads no aliases. Copies come last: who waits for one finds all the rest in place.
 */
import { renameResource } from '@isthmus/sdk/wire';
import { lazily } from '../model/index.js';
import type { AddressIndex } from './address-index.js';
import type { EncodedResource } from './encode.js';
import type { Subscription } from './subscription.js';

export interface Selection {
  readonly resources: ReadonlyMap<string, EncodedResource>;
  /** Names that are sent even to who holds that version: they answer what was asked for. */
  readonly answers: ReadonlySet<string>;
}

const NO_ANSWERS: ReadonlySet<string> = new Set();

export interface SelectInit {
  readonly subscription: Pick<Subscription, 'wanted' | 'asked'>;
  /** Of the subscription's type. */
  readonly all: ReadonlyMap<string, EncodedResource>;
  /** Undefined for types that have no other names than their own. */
  readonly index: (() => AddressIndex) | undefined;
  /** The subscriber's, empty when it did not say. */
  readonly node: string;
}

export function select({ subscription, all, index, node }: SelectInit): Selection {
  const { wanted, asked } = subscription;
  if (!wanted) return { resources: all, answers: NO_ANSWERS };
  if (!index) return selectByName(wanted, all);
  const addresses = index();
  const names = new Set(addresses.onNode(node));
  const aliases = new Map<string, string[]>();
  const answers = new Set<string>();
  for (const key of wanted) {
    const { subjects = [], members = [] } = addresses.lookup(key) ?? {};
    for (const name of [...subjects, ...members]) names.add(name);
    for (const name of subjects) {
      if (asked.has(key)) answers.add(name);
      if (name !== key) aliases.set(name, [...(aliases.get(name) ?? []), key]);
    }
  }
  return { resources: new Map([...underOwnName(names, aliases, all), ...underAliases(aliases, all)]), answers };
}

function selectByName(wanted: ReadonlySet<string>, all: SelectInit['all']): Selection {
  const found = [...wanted].flatMap((name) => all.get(name) ?? []);
  return { resources: new Map(found.map((resource) => [resource.name, resource])), answers: NO_ANSWERS };
}

type Named = readonly [string, EncodedResource];
type Aliases = ReadonlyMap<string, readonly string[]>;

function* underOwnName(names: ReadonlySet<string>, aliases: Aliases, all: SelectInit['all']): Generator<Named> {
  for (const name of names) {
    const resource = all.get(name);
    const known = aliases.get(name);
    if (resource) yield [name, known ? renamed(resource, name, known) : resource];
  }
}

/** One copy for each alias, of the first resource it names. */
function* underAliases(aliases: Aliases, all: SelectInit['all']): Generator<Named> {
  const told = new Set<string>();
  for (const [name, known] of aliases) {
    const resource = all.get(name);
    for (const alias of resource ? known : []) {
      if (resource && !told.has(alias)) yield [alias, renamed(resource, alias, [])];
      told.add(alias);
    }
  }
}

/** Encoded when it is really sent, which of most is never again. */
function renamed(resource: EncodedResource, name: string, aliases: readonly string[]): EncodedResource {
  const bytes = lazily(() => renameResource(resource.bytes, { name, aliases: [...aliases] }));
  return {
    name,
    version: resource.version,
    get bytes() {
      return bytes();
    },
    get size() {
      return bytes().length;
    },
  };
}
