/** The newest snapshot, and who wants to hear of the next. One listener's mistake costs no other its turn. */
import type { Snapshot, Store } from '@isthmus/sdk/discovery';
import type { Logger } from '@isthmus/sdk/runtime';
import type { RoleContext } from './role.js';

export interface SnapshotFeed extends Pick<RoleContext, 'snapshot' | 'onSnapshot'> {
  /** To be called after each change of the store. */
  changed(snapshot: Snapshot): void;
}

export function createSnapshotFeed(store: Store, log: Logger): SnapshotFeed {
  const listeners = new Set<(snapshot: Snapshot) => void>();
  return {
    snapshot: () => store.snapshot,
    onSnapshot(scope, listener) {
      listeners.add(listener);
      scope.own(() => void listeners.delete(listener));
    },
    changed(snapshot) {
      for (const listener of listeners) {
        try {
          listener(snapshot);
        } catch (error) {
          log.error({ err: error }, 'a listener of the snapshot failed');
        }
      }
    },
  };
}
