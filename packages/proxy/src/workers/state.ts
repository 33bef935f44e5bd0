/**
 * The store of the head as workers follow it: every batch that is applied, and for a worker that starts later all there
 * is, in pieces. Batches travel serialised once for all workers.
 */
import { deserialize, serialize } from 'node:v8';
import type { Batch, ResourceModel, Snapshot, Store } from '@isthmus/sdk/discovery';

/** A store that tells of every batch, whoever applies it. */
export interface FollowedStore extends Store {
  /** At most one follower: the group. */
  follow(onBatch: (batch: Batch) => void): void;
}

export function followed(store: Store): FollowedStore {
  let follower: ((batch: Batch) => void) | undefined;
  return {
    get snapshot() {
      return store.snapshot;
    },
    apply(batch) {
      const snapshot = store.apply(batch);
      follower?.(batch);
      return snapshot;
    },
    follow(onBatch) {
      follower = onBatch;
    },
  };
}

/** So that no single message holds up the others for long. */
const RESOURCES_PER_BATCH = 1_000;

/** Everything in force, as batches that make an empty store equal. */
export function* batchesOf(snapshot: Snapshot): Generator<Batch> {
  let upserts: ResourceModel[] = [];
  for (const resource of resourcesOf(snapshot)) {
    upserts.push(resource);
    if (upserts.length < RESOURCES_PER_BATCH) continue;
    yield { upserts, removals: [] };
    upserts = [];
  }
  if (upserts.length > 0) yield { upserts, removals: [] };
}

function* resourcesOf(snapshot: Snapshot): Generator<ResourceModel> {
  for (const value of snapshot.workloads()) yield { kind: 'workload', value };
  for (const value of snapshot.services()) yield { kind: 'service', value };
  for (const value of snapshot.policies()) yield { kind: 'policy', value };
}

/** Structured clone keeps maps, sets and shared parts as they are. */
export const encodeBatch = (batch: Batch): Uint8Array => serialize(batch);
export const decodeBatch = (bytes: Uint8Array): Batch => deserialize(bytes) as Batch;
