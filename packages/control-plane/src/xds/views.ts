/**
 * The newest view of each role, projected and encoded when somebody first asks for it. Subscribers are told that
 * there is a newer one, not what.
 */
import type { Model } from '../model/index.js';
import { project, type View, type ViewerRole } from '../projection/index.js';
import { type AddressIndex, indexAddresses } from './address-index.js';
import { createEncoder, type EncodedView } from './encode.js';

export interface VersionedView {
  /** Grows by one with each published model. */
  readonly version: number;
  readonly resources: EncodedView;
  /** The same addresses by what they are asked for; made at the first call. */
  readonly addressIndex: () => AddressIndex;
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

export function createViews(cluster: string): Views {
  const encoder = createEncoder();
  const subscribers = new Set<() => void>();
  const projected = new Map<ViewerRole, ProjectedView>();
  let model: Model | undefined;
  let version = 0;

  return {
    publish(next) {
      model = next;
      version += 1;
      projected.clear();
      for (const onNewer of subscribers) onNewer();
    },
    current(role) {
      if (!model) return undefined;
      const known = projected.get(role);
      if (known) return known;
      const view = project(model, { cluster, role });
      let index: AddressIndex | undefined;
      const addressIndex = () => {
        index ??= indexAddresses(view, cluster);
        return index;
      };
      const next = { version, view, resources: encoder.encode(view), addressIndex };
      projected.set(role, next);
      return next;
    },
    subscribe(onNewer) {
      subscribers.add(onNewer);
      return () => {
        subscribers.delete(onNewer);
      };
    },
  };
}
