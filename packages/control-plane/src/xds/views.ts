/**
 * The newest view of each sort of proxy, projected and encoded when somebody first asks for it. Subscribers are told that
 * there is a newer one, not what.
 */
import type { ResourceTypeName } from '@isthmus/sdk/wire';
import { lazily, type Model, mergeMaps } from '../model/index.js';
import { project, type Sight, sightOf, type View, type ViewerRole } from '../projection/index.js';
import { type AddressIndex, indexAddresses } from './address-index.js';
import { type EncodedResources, type EncodedView, encodeView } from './encode.js';
import { type Changes, changesBetween, createJournal, type Journal } from './journal.js';

export interface VersionedView {
  /** Grows with each published model. */
  readonly version: number;
  /** Everything, by name; put together at the first look. */
  readonly resources: Readonly<Record<ResourceTypeName, EncodedResources>>;
  /** The same addresses by what they are asked for; made at the first call. */
  readonly addressIndex: () => AddressIndex;
  /** What changed since that version; undefined when that is not known any more. */
  readonly changesSince: (type: ResourceTypeName, version: number) => Changes | undefined;
}

export interface ProjectedView extends VersionedView {
  /** The same, for people. */
  readonly view: View;
}

export interface Views {
  publish(model: Model): void;
  /** Undefined before the first model. */
  current(role: ViewerRole): ProjectedView | undefined;
  /** `onNewer` after each publication; the returned function ends it. */
  subscribe(onNewer: () => void): () => void;
}

/** What is shown now, and what is needed to get from there to the next. */
export interface Showing {
  readonly projected: ProjectedView;
  readonly encoded: EncodedView;
  readonly journal: Journal;
}

export function createViews(cluster: string): Views {
  const subscribers = new Set<() => void>();
  const showings = new Map<Sight, Showing>();
  let model: Model | undefined;
  let version = 0;

  return {
    publish(next) {
      model = next;
      version += 1;
      for (const onNewer of subscribers) onNewer();
    },
    current(role) {
      if (!model) return undefined;
      const known = showings.get(sightOf(role));
      if (known?.projected.version === version) return known.projected;
      const view = project(model, { cluster, role }, known?.projected.view);
      const next = showNext({ view, version, addressIndex: () => indexAddresses(view, cluster) }, known);
      showings.set(sightOf(role), next);
      return next.projected;
    },
    subscribe(onNewer) {
      subscribers.add(onNewer);
      return () => {
        subscribers.delete(onNewer);
      };
    },
  };
}

export interface ShowInit {
  readonly view: View;
  readonly version: number;
  readonly addressIndex: () => AddressIndex;
}

/** What a view comes to on the wire; what says the same as before is not encoded again, and what changed is noted. */
export function showNext({ view, version, addressIndex }: ShowInit, before: Showing | undefined): Showing {
  const encoded = encodeView(view, before?.encoded);
  const journal = before?.journal ?? createJournal(version);
  if (before) journal.add(version, changesBetween(before.encoded, encoded));
  const address = lazily(() => mergeMaps(encoded.namespaces.values()));
  const projected: ProjectedView = {
    version,
    view,
    resources: {
      get address() {
        return address();
      },
      authorization: encoded.policies,
    },
    addressIndex: lazily(addressIndex),
    changesSince: journal.since,
  };
  return { projected, encoded, journal };
}
