/** The newest view of each role, projected and encoded when somebody first asks for it. Subscribers are told that there is a newer one, not what. */
import type { Model } from '../model/index.js';
import { project, type ViewerRole } from '../projection/index.js';
import { createEncoder, type EncodedView } from './encode.js';

export interface VersionedView {
  /** Grows by one with each published model. */
  readonly version: number;
  readonly resources: EncodedView;
}

export interface Views {
  publish(model: Model): void;
  /** Undefined before the first model. */
  current(role: ViewerRole): VersionedView | undefined;
  /** `onNewer` after each publication; the returned function ends it. */
  subscribe(onNewer: () => void): () => void;
}

export function createViews(cluster: string): Views {
  const encoder = createEncoder();
  const subscribers = new Set<() => void>();
  const projected = new Map<ViewerRole, VersionedView>();
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
      const view = projected.get(role) ?? { version, resources: encoder.encode(project(model, { cluster, role })) };
      projected.set(role, view);
      return view;
    },
    subscribe(onNewer) {
      subscribers.add(onNewer);
      return () => {
        subscribers.delete(onNewer);
      };
    },
  };
}
