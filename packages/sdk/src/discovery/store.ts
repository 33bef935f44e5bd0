/**
 * Everything a proxy was told, as a series of immutable snapshots. Applying a batch makes the next snapshot and leaves
 * the ones before untouched; whoever holds one keeps a consistent view for as long as it likes. One change costs the
 * same in a mesh of ten workloads and of a hundred thousand (a few dozen small copies).
 *
 * Bounds: as large as what the control plane sends, and nothing besides; removals free what they name.
 */

import type { ResourceTypeName } from '../wire/resource-types.js';
import type { ResourceModel, Snapshot } from './model.js';
import { editIndexes, type IndexEdit } from './state/edit.js';
import { EMPTY_INDEXES } from './state/indexes.js';
import { createSnapshot } from './state/snapshot.js';

export interface Removal {
  readonly type: ResourceTypeName;
  /** xDS resource name. */
  readonly name: string;
}

/** Changes that become visible together: upserts first, then removals. */
export interface Batch {
  readonly upserts: readonly ResourceModel[];
  readonly removals: readonly Removal[];
}

export interface Store {
  /** The newest. */
  readonly snapshot: Snapshot;
  /** Applies the batch and returns the snapshot that shows it; an empty batch changes nothing. */
  apply(batch: Batch): Snapshot;
}

export function createStore(): Store {
  let indexes = EMPTY_INDEXES;
  let snapshot = createSnapshot(0, indexes);
  return {
    get snapshot() {
      return snapshot;
    },
    apply({ upserts, removals }) {
      if (upserts.length === 0 && removals.length === 0) return snapshot;
      const edit = editIndexes(indexes);
      for (const resource of upserts) upsert(edit, resource);
      for (const removal of removals) remove(edit, removal);
      indexes = edit.finish();
      snapshot = createSnapshot(snapshot.version + 1, indexes);
      return snapshot;
    },
  };
}

/** Workloads and services share one space of names: a name that changes its kind leaves nothing of the old one behind. */
function upsert(edit: IndexEdit, { kind, value }: ResourceModel): void {
  switch (kind) {
    case 'workload':
      edit.service(value.uid, undefined);
      edit.workload(value.uid, value);
      break;
    case 'service':
      edit.workload(value.key, undefined);
      edit.service(value.key, value);
      break;
    case 'policy':
      edit.policy(value.key, value);
      break;
  }
}

function remove(edit: IndexEdit, { type, name }: Removal): void {
  if (type === 'authorization') edit.policy(name, undefined);
  // An address's name does not say which kind it is. Workloads come first, as in ztunnel.
  else if (edit.hasWorkload(name)) edit.workload(name, undefined);
  else edit.service(name, undefined);
}
